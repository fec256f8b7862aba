#include "extensions/clusters/strict_dns/strict_dns.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "test/extensions/clusters/common/dns_fixture.h"

namespace weir::extensions::clusters::strict_dns {
namespace {

using network::DnsFailure;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class StrictDnsTest : public DnsFixture {
 protected:
  void start(std::vector<upstream::EndpointEntry> entries, DnsSettings settings = {}) {
    source_.reset();
    factory_.emplace(cluster(std::move(settings)), std::move(entries));
    source_ = factory_->create(services_, sink_);
  }

  std::optional<StrictDns> factory_;
  std::unique_ptr<upstream::MembershipSource> source_;
};

TEST_F(StrictDnsTest, EveryAddressIsAMember) {
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.2", "10.0.0.1"});
  dns_->setAddresses("web.example", kIpv6, {"2001:db8::1"});
  start({entry("web.example", 8080)}, {.families = DnsFamilies::kAll});
  EXPECT_EQ(sink_.told, 0);
  EXPECT_EQ(sink_.reason, "dns_not_resolved_yet");
  settle();
  EXPECT_THAT(sink_.ids(), ElementsAre("10.0.0.1:8080", "10.0.0.2:8080", "[2001:db8::1]:8080"));
  EXPECT_THAT(sink_.addresses(),
              ElementsAre("10.0.0.1:8080", "10.0.0.2:8080", "[2001:db8::1]:8080"));
}

TEST_F(StrictDnsTest, MembersAreAsTheirEntrySays) {
  dns_->setAddresses("a.example", kIpv4, {"10.0.0.1"});
  dns_->setAddresses("b.example", kIpv4, {"10.0.0.2"});
  auto a = entry("a.example");
  a.endpoint.weight = 7;
  a.endpoint.priority = 2;
  a.endpoint.locality = "north/1";
  a.endpoint.metadata = {{"stage", "canary"}};
  a.endpoint.max_connections = 5;
  auto b = entry("b.example", 81);
  b.endpoint.id = "bee";
  auto fixed = entry("");
  fixed.endpoint.id = "10.0.0.3:80";
  fixed.endpoint.address = *network::Address::parse("10.0.0.3:80");
  start({a, b, fixed});
  settle();
  ASSERT_THAT(sink_.ids(), ElementsAre("10.0.0.1:80", "10.0.0.3:80", "bee/10.0.0.2:81"));
  EXPECT_EQ(sink_.all[0]->weight, 7u);
  EXPECT_EQ(sink_.all[0]->priority, 2u);
  EXPECT_EQ(sink_.all[0]->locality, "north/1");
  EXPECT_EQ(sink_.all[0]->metadata.at("stage"), "canary");
  EXPECT_EQ(sink_.all[0]->max_connections, 5u);
  EXPECT_EQ(sink_.all[2]->weight, 1u);
}

TEST_F(StrictDnsTest, WhatStaysIsNotTouched) {
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.1", "10.0.0.2"}, Seconds(10));
  start({entry("web.example")});
  settle();
  const auto stays = sink_.all.at(1);
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.3", "10.0.0.2"}, Seconds(10));
  after(Seconds(10));
  EXPECT_THAT(sink_.ids(), ElementsAre("10.0.0.2:80", "10.0.0.3:80"));
  EXPECT_EQ(sink_.all.at(0), stays);
  EXPECT_EQ(sink_.told, 2);
  after(Seconds(10));
  EXPECT_EQ(sink_.told, 2);
}

TEST_F(StrictDnsTest, TwoNamesOfOneAddressAreOneMember) {
  dns_->setAddresses("a.example", kIpv4, {"10.0.0.1"});
  dns_->setAddresses("b.example", kIpv4, {"10.0.0.1"});
  start({entry("a.example"), entry("b.example")});
  settle();
  EXPECT_THAT(sink_.ids(), ElementsAre("10.0.0.1:80"));
}

TEST_F(StrictDnsTest, WithoutAnyAnswerThereIsAReason) {
  start({entry("web.example")});
  settle();
  EXPECT_EQ(sink_.told, 0);
  EXPECT_EQ(sink_.reason, "dns_no_such_name");
  dns_->setFailure("web.example", DnsFailure::kTimeout);
  after(Seconds(60));
  EXPECT_EQ(sink_.reason, "dns_timeout");
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.1"});
  after(Seconds(60));
  EXPECT_THAT(sink_.ids(), ElementsAre("10.0.0.1:80"));
}

TEST_F(StrictDnsTest, TheOthersWaitForASlowNameForASecond) {
  dns_->hold(true);
  dns_->setAddresses("a.example", kIpv4, {"10.0.0.1"});
  start({entry("a.example"), entry("slow.example")});
  dns_->hold(false);
  dispatcher_.runUntilIdle();
  ASSERT_THAT(sink_.ids(), ElementsAre("10.0.0.1:80")) << "that there is no such name is known";
  sink_ = {};
  dns_->hold(true);
  start({entry("a.example"), entry("slow.example")});
  dns_->release("a.example");
  settle();
  EXPECT_EQ(sink_.told, 0);
  dispatcher_.advance(Seconds(1));
  settle();
  EXPECT_THAT(sink_.ids(), ElementsAre("10.0.0.1:80"));
}

TEST_F(StrictDnsTest, GivingUpIsToldEvenAtTheBeginning) {
  start({entry("web.example")}, {.keep_when_gone = false});
  settle();
  EXPECT_EQ(sink_.told, 1) << "a configuration before may have found some";
  EXPECT_THAT(sink_.ids(), IsEmpty());
}

TEST_F(StrictDnsTest, HasAnIdentity) {
  start({entry("web.example")});
  EXPECT_EQ(factory_->identity(), "web");
}

}  // namespace
}  // namespace weir::extensions::clusters::strict_dns
