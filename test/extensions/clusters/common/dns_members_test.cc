#include "extensions/clusters/common/dns_members.h"

#include "test/extensions/clusters/common/dns_fixture.h"

namespace weir::extensions::clusters {
namespace {

using network::DnsFailure;
using ::testing::ElementsAre;

upstream::Endpoint endpoint(const std::string& address, uint32_t weight = 1) {
  upstream::Endpoint made;
  made.id = address;
  made.address = *network::Address::parse(address);
  made.weight = weight;
  return made;
}

class DnsMembersTest : public DnsFixture {
 protected:
  int64_t gauge() const { return store_.valueOf("dns_members", {{"cluster", "web"}}); }

  const DnsCluster cluster_ = cluster();
  DnsWatchContext context_{services_, cluster_};
};

TEST_F(DnsMembersTest, TellsOfChangesAlone) {
  DnsMembers members(context_, sink_);
  EXPECT_EQ(sink_.reason, "dns_not_resolved_yet");
  members.publish({}, DnsFailure::kTimeout);
  EXPECT_EQ(sink_.told, 0);
  EXPECT_EQ(sink_.reason, "dns_timeout");
  members.publish({endpoint("10.0.0.2:80"), endpoint("10.0.0.1:80")}, DnsFailure::kNone);
  EXPECT_THAT(sink_.ids(), ElementsAre("10.0.0.1:80", "10.0.0.2:80"));
  EXPECT_EQ(gauge(), 2);
  members.publish({endpoint("10.0.0.1:80"), endpoint("10.0.0.2:80")}, DnsFailure::kNone);
  EXPECT_EQ(sink_.told, 1) << "another order is no change";
}

TEST_F(DnsMembersTest, WhatStaysIsTheSameObject) {
  DnsMembers members(context_, sink_);
  members.publish({endpoint("10.0.0.1:80"), endpoint("10.0.0.2:80"), endpoint("10.0.0.3:80")},
                  DnsFailure::kNone);
  const auto before = sink_.all;
  members.publish({endpoint("10.0.0.0:80"), endpoint("10.0.0.2:80"), endpoint("10.0.0.3:80", 9)},
                  DnsFailure::kNone);
  EXPECT_THAT(sink_.ids(), ElementsAre("10.0.0.0:80", "10.0.0.2:80", "10.0.0.3:80"));
  EXPECT_EQ(sink_.all[1], before[1]);
  EXPECT_NE(sink_.all[2], before[2]);
  EXPECT_EQ(sink_.all[2]->weight, 9u);
}

TEST_F(DnsMembersTest, AnIdCountsOnceTheFirstTime) {
  DnsMembers members(context_, sink_);
  members.publish({endpoint("10.0.0.1:80", 3), endpoint("10.0.0.1:80", 4)}, DnsFailure::kNone);
  ASSERT_THAT(sink_.ids(), ElementsAre("10.0.0.1:80"));
  EXPECT_EQ(sink_.all[0]->weight, 3u);
}

TEST_F(DnsMembersTest, ThereIsALimit) {
  DnsMembers members(context_, sink_);
  std::vector<upstream::Endpoint> many;
  for (size_t i = 0; i < DnsMembers::kMost + 10; ++i) {
    many.push_back(endpoint(base::concat("10.0.", i / 250, ".", i % 250, ":80")));
  }
  members.publish(many, DnsFailure::kNone);
  EXPECT_EQ(sink_.all.size(), DnsMembers::kMost);
  EXPECT_EQ(gauge(), static_cast<int64_t>(DnsMembers::kMost));
}

TEST_F(DnsMembersTest, TheGaugeEndsWithThem) {
  {
    DnsMembers members(context_, sink_);
    members.publish({endpoint("10.0.0.1:80")}, DnsFailure::kNone);
    EXPECT_EQ(gauge(), 1);
  }
  EXPECT_EQ(gauge(), 0);
}

TEST(DnsReasons, EachFailureHasOne) {
  EXPECT_EQ(reasonOf(DnsFailure::kNoSuchName), "dns_no_such_name");
  EXPECT_EQ(reasonOf(DnsFailure::kNoData), "dns_no_data");
  EXPECT_EQ(reasonOf(DnsFailure::kServer), "dns_server_failure");
  EXPECT_EQ(reasonOf(DnsFailure::kMalformed), "dns_malformed");
}

}  // namespace
}  // namespace weir::extensions::clusters
