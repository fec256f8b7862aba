#include "extensions/clusters/dns_srv/dns_srv.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "test/extensions/clusters/common/dns_fixture.h"

namespace weir::extensions::clusters::dns_srv {
namespace {

using network::DnsFailure;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kService[] = "_http._tcp.example";

class DnsSrvTest : public DnsFixture {
 protected:
  void start(DnsSettings settings = {}) {
    factory_.emplace(cluster(std::move(settings)), kService);
    source_ = factory_->create(services_, sink_);
  }
  // "address weight priority" of each member.
  std::vector<std::string> members() const {
    std::vector<std::string> result;
    for (const auto& member : sink_.all) {
      result.push_back(
          base::concat(member->address.toString(), " ", member->weight, " ", member->priority));
    }
    return result;
  }

  std::optional<DnsSrv> factory_;
  std::unique_ptr<upstream::MembershipSource> source_;
};

TEST_F(DnsSrvTest, RecordsBecomeMembers) {
  dns_->setServices(kService, {{20, 5, 8080, "b.example"},
                               {10, 0, 80, "a.example"},
                               {10, 3, 81, "a.example"},
                               {500, 1, 80, "c.example"}});
  dns_->setAddresses("a.example", kIpv4, {"10.0.0.1", "10.0.0.2"});
  dns_->setAddresses("b.example", kIpv4, {"10.0.1.1"});
  dns_->setAddresses("c.example", kIpv6, {"2001:db8::1"});
  start();
  settle();
  EXPECT_THAT(members(),
              ElementsAre("10.0.0.1:80 1 0", "10.0.0.1:81 3 0", "10.0.0.2:80 1 0",
                          "10.0.0.2:81 3 0", "10.0.1.1:8080 5 1", "[2001:db8::1]:80 1 2"));
  EXPECT_EQ(dns_->asked("a.example"), 2) << "once for each family";
}

TEST_F(DnsSrvTest, ChangesAreFollowed) {
  dns_->setServices(kService, {{1, 1, 80, "a.example"}, {1, 1, 80, "b.example"}}, Seconds(10));
  dns_->setAddresses("a.example", kIpv4, {"10.0.0.1"}, Seconds(10));
  dns_->setAddresses("b.example", kIpv4, {"10.0.0.2"}, Seconds(1000));
  start();
  settle();
  const auto b = sink_.all.at(1);
  dns_->setServices(kService, {{1, 1, 80, "c.example"}, {1, 1, 80, "b.example"}}, Seconds(10));
  dns_->setAddresses("c.example", kIpv4, {"10.0.0.3"}, Seconds(1000));
  after(Seconds(10));
  EXPECT_THAT(members(), ElementsAre("10.0.0.2:80 1 0", "10.0.0.3:80 1 0"));
  EXPECT_EQ(sink_.all.at(0), b);
  EXPECT_EQ(dns_->asked("b.example"), 2) << "what is known of it stays";
  const int asked = dns_->asked("a.example");
  after(Seconds(100));
  EXPECT_EQ(dns_->asked("a.example"), asked) << "nobody asks for it any more";
  dns_->setServices(kService, {{1, 9, 80, "c.example"}, {1, 1, 80, "b.example"}}, Seconds(10));
  after(Seconds(12));
  EXPECT_THAT(members(), ElementsAre("10.0.0.2:80 1 0", "10.0.0.3:80 9 0"));
}

TEST_F(DnsSrvTest, OldMembersStayUntilNewTargetsAreResolved) {
  dns_->setServices(kService, {{1, 1, 80, "a.example"}}, Seconds(10));
  dns_->setAddresses("a.example", kIpv4, {"10.0.0.1"}, Seconds(1000));
  dns_->setAddresses("b.example", kIpv4, {"10.0.0.2"});
  start();
  settle();
  dns_->setServices(kService, {{1, 1, 80, "b.example"}}, Seconds(10));
  dns_->hold(true);
  after(Seconds(10));
  dns_->release(kService);
  settle();
  EXPECT_THAT(members(), ElementsAre("10.0.0.1:80 1 0"));
  dns_->hold(false);
  settle();
  EXPECT_THAT(members(), ElementsAre("10.0.0.2:80 1 0"));
}

TEST_F(DnsSrvTest, ATargetWithoutAddressesIsLeftOut) {
  dns_->setServices(kService, {{1, 1, 80, "a.example"}, {1, 1, 80, "dead.example"}});
  dns_->setAddresses("a.example", kIpv4, {"10.0.0.1"});
  start();
  settle();
  EXPECT_THAT(members(), ElementsAre("10.0.0.1:80 1 0"));
}

TEST_F(DnsSrvTest, FailuresKeepWhatIsThere) {
  dns_->setServices(kService, {{1, 1, 80, "a.example"}}, Seconds(10));
  dns_->setAddresses("a.example", kIpv4, {"10.0.0.1"}, Seconds(10));
  start();
  settle();
  dns_->setFailure(kService, DnsFailure::kTimeout);
  dns_->setFailure("a.example", DnsFailure::kTimeout);
  after(Seconds(60));
  EXPECT_THAT(members(), ElementsAre("10.0.0.1:80 1 0"));
  EXPECT_EQ(sink_.told, 1);
}

TEST_F(DnsSrvTest, AServiceThatIsGoneIsGivenUpWhereThatIsWanted) {
  dns_->setServices(kService, {{1, 1, 80, "a.example"}}, Seconds(10));
  dns_->setAddresses("a.example", kIpv4, {"10.0.0.1"}, Seconds(10));
  start({.keep_when_gone = false});
  settle();
  dns_->setServices(kService, {});
  after(Seconds(10));
  EXPECT_THAT(members(), IsEmpty());
  EXPECT_EQ(sink_.reason, "dns_no_data");
}

TEST_F(DnsSrvTest, ThereAreLimits) {
  std::vector<network::DnsService> services;
  for (uint16_t i = 0; i < 400; ++i) {
    const std::string target = base::concat("t", i, ".example");
    services.push_back({i, 1, 80, target});
    dns_->setAddresses(target, kIpv4, {base::concat("10.0.", i / 250, ".", i % 250)});
  }
  dns_->setServices(kService, services);
  start();
  settle();
  EXPECT_EQ(sink_.all.size(), DnsSrv::kMostTargets);
  uint32_t lowest = 0;
  for (const auto& member : sink_.all) lowest = std::max(lowest, member->priority);
  EXPECT_EQ(lowest, DnsSrv::kMostPriorities - 1);
}

}  // namespace
}  // namespace weir::extensions::clusters::dns_srv
