#include "extensions/clusters/logical_dns/logical_dns.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "test/extensions/clusters/common/dns_fixture.h"

namespace weir::extensions::clusters::logical_dns {
namespace {

using network::DnsFailure;
using ::testing::ElementsAre;

class LogicalDnsTest : public DnsFixture {
 protected:
  void start(bool ipv4_first = false, DnsSettings settings = {.families = DnsFamilies::kAll}) {
    factory_.emplace(cluster(std::move(settings)), entry("web.example"), ipv4_first);
    source_ = factory_->create(services_, sink_);
  }

  std::optional<LogicalDns> factory_;
  std::unique_ptr<upstream::MembershipSource> source_;
};

TEST_F(LogicalDnsTest, OneMemberWithAllAddressesInTurns) {
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.2", "10.0.0.1", "10.0.0.3"});
  dns_->setAddresses("web.example", kIpv6, {"2001:db8::1"});
  start();
  settle();
  EXPECT_THAT(sink_.ids(), ElementsAre("web.example:80"));
  EXPECT_THAT(sink_.addresses(),
              ElementsAre("[2001:db8::1]:80 10.0.0.2:80 10.0.0.1:80 10.0.0.3:80"));
  EXPECT_TRUE(sink_.all[0]->logical);
  start(/*ipv4_first=*/true);
  settle();
  EXPECT_THAT(sink_.addresses(),
              ElementsAre("10.0.0.2:80 [2001:db8::1]:80 10.0.0.1:80 10.0.0.3:80"));
}

TEST_F(LogicalDnsTest, AtMostEightAddresses) {
  std::vector<std::string> many;
  for (int i = 0; i < 200; ++i) many.push_back(base::concat("10.0.0.", i));
  dns_->setAddresses("web.example", kIpv4, many);
  start();
  settle();
  EXPECT_EQ(sink_.all.at(0)->more_addresses.size(), LogicalDns::kMostAddresses - 1);
}

TEST_F(LogicalDnsTest, StaysTheSameMemberWhenAddressesChange) {
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.1"}, Seconds(10));
  start();
  settle();
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.2", "10.0.0.1"}, Seconds(10));
  after(Seconds(10));
  EXPECT_EQ(sink_.told, 2);
  EXPECT_THAT(sink_.ids(), ElementsAre("web.example:80"));
  EXPECT_THAT(sink_.addresses(), ElementsAre("10.0.0.2:80 10.0.0.1:80"));
}

TEST_F(LogicalDnsTest, FailureKeepsIt) {
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.1"}, Seconds(10));
  start();
  settle();
  dns_->setFailure("web.example", DnsFailure::kNoSuchName);
  after(Seconds(60));
  EXPECT_THAT(sink_.addresses(), ElementsAre("10.0.0.1:80"));
  EXPECT_EQ(sink_.told, 1);
}

TEST_F(LogicalDnsTest, WithoutAnyAnswerThereIsAReason) {
  dns_->setFailure("web.example", DnsFailure::kServer);
  start();
  EXPECT_EQ(sink_.reason, "dns_not_resolved_yet");
  settle();
  EXPECT_EQ(sink_.reason, "dns_server_failure");
  EXPECT_EQ(sink_.told, 0);
}

}  // namespace
}  // namespace weir::extensions::clusters::logical_dns
