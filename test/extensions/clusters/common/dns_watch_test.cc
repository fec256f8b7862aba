#include "extensions/clusters/common/dns_watch.h"

#include <optional>

#include "test/extensions/clusters/common/dns_fixture.h"

namespace weir::extensions::clusters {
namespace {

using network::DnsFailure;
using network::DnsService;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DnsWatchTest : public DnsFixture {
 protected:
  void start(DnsSettings settings = {}) {
    cluster_ = cluster(std::move(settings));
    context_.emplace(services_, cluster_);
    watch_.emplace(*context_, "web.example", [this] { ++changes_; });
  }
  void startService(DnsSettings settings = {}) {
    cluster_ = cluster(std::move(settings));
    context_.emplace(services_, cluster_);
    service_.emplace(*context_, "_http._tcp.example", [this] { ++changes_; });
  }
  std::vector<std::string> addresses() const {
    std::vector<std::string> result;
    for (const network::Address& address : watch_->addresses()) result.push_back(address.ip());
    return result;
  }
  // How often it has been asked for, both families together being once.
  int asked() const { return (dns_->asked("web.example") + 1) / 2; }

  DnsCluster cluster_ = cluster();
  std::optional<DnsWatchContext> context_;
  std::optional<HostWatch> watch_;
  std::optional<ServiceWatch> service_;
  int changes_ = 0;
};

TEST_F(DnsWatchTest, FamiliesThatAreWanted) {
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.2", "10.0.0.1"});
  dns_->setAddresses("web.example", kIpv6, {"2001:db8::1"});
  const auto with = [this](DnsFamilies families) {
    start({.families = families});
    settle();
    EXPECT_EQ(watch_->outcome(), DnsFailure::kNone);
    return addresses();
  };
  EXPECT_THAT(with(DnsFamilies::kIpv4Only), ElementsAre("10.0.0.2", "10.0.0.1"));
  EXPECT_EQ(dns_->asked("web.example"), 1);
  EXPECT_THAT(with(DnsFamilies::kIpv6Only), ElementsAre("2001:db8::1"));
  EXPECT_THAT(with(DnsFamilies::kIpv4Preferred), ElementsAre("10.0.0.2", "10.0.0.1"));
  EXPECT_THAT(with(DnsFamilies::kIpv6Preferred), ElementsAre("2001:db8::1"));
  EXPECT_THAT(with(DnsFamilies::kAll), ElementsAre("2001:db8::1", "10.0.0.2", "10.0.0.1"));
}

TEST_F(DnsWatchTest, TheOtherFamilyWhenThePreferredOneIsNotThere) {
  dns_->setAddresses("web.example", kIpv4, {});
  dns_->setAddresses("web.example", kIpv6, {"2001:db8::1"});
  start({.families = DnsFamilies::kIpv4Preferred});
  settle();
  EXPECT_THAT(addresses(), ElementsAre("2001:db8::1"));
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.1"});
  after(Seconds(60));
  EXPECT_THAT(addresses(), ElementsAre("10.0.0.1"));
}

TEST_F(DnsWatchTest, AsksAgainWhenTheTimeToLiveIsOver) {
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.1"}, Seconds(30));
  start();
  settle();
  dispatcher_.advance(Seconds(29));
  EXPECT_EQ(asked(), 1);
  dispatcher_.advance(milliseconds(4100));
  EXPECT_EQ(asked(), 2);
  EXPECT_EQ(changes_, 1) << "nothing has changed";
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.2"}, Seconds(30));
  after(Seconds(30));
  EXPECT_EQ(changes_, 2);
  EXPECT_THAT(addresses(), ElementsAre("10.0.0.2"));
}

TEST_F(DnsWatchTest, TheTimeToLiveHasAFloorAndACeiling) {
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.1"}, Seconds(0));
  start();
  settle();
  dispatcher_.advance(milliseconds(4900));
  EXPECT_EQ(asked(), 1);
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.1"}, Seconds(0x7fffffff));
  dispatcher_.advance(milliseconds(700));
  EXPECT_EQ(asked(), 2);
  dispatcher_.advance(Seconds(299));
  EXPECT_EQ(asked(), 2);
  dispatcher_.advance(Seconds(32));
  EXPECT_EQ(asked(), 3);
}

TEST_F(DnsWatchTest, TheLeastOfBothFamiliesCounts) {
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.1"}, Seconds(100));
  dns_->setAddresses("web.example", kIpv6, {"2001:db8::1"}, Seconds(10));
  start({.families = DnsFamilies::kAll});
  settle();
  after(Seconds(10));
  EXPECT_EQ(asked(), 2);
}

TEST_F(DnsWatchTest, AFailureKeepsTheLastGoodAnswer) {
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.1"}, Seconds(10));
  start({.keep_when_gone = false});
  settle();
  for (const DnsFailure failure :
       {DnsFailure::kTimeout, DnsFailure::kServer, DnsFailure::kMalformed}) {
    dns_->setFailure("web.example", failure);
    after(Seconds(60));
    EXPECT_EQ(watch_->outcome(), failure);
    EXPECT_THAT(addresses(), ElementsAre("10.0.0.1"));
  }
  EXPECT_EQ(changes_, 1);
  EXPECT_GT(failures("timeout"), 0);
  EXPECT_GT(failures("server_failure"), 0);
  EXPECT_GT(failures("malformed"), 0);
  EXPECT_EQ(store_.valueOf("dns_resolutions_total", {{"cluster", "web"}}),
            dns_->asked("web.example"));
}

TEST_F(DnsWatchTest, RetriesWithLongerAndLongerPauses) {
  dns_->setFailure("web.example", DnsFailure::kTimeout);
  start({.retry = milliseconds(1000), .max_retry = milliseconds(8000)});
  settle();
  EXPECT_EQ(changes_, 1) << "told that there is nothing";
  EXPECT_THAT(addresses(), IsEmpty());
  // Each after its pause, give or take a quarter: counted by time that surely is enough, and not.
  for (const int pause : {1000, 2000, 4000, 8000, 8000, 8000}) {
    const int before = asked();
    dispatcher_.advance(milliseconds(pause * 74 / 100));
    EXPECT_EQ(asked(), before) << pause;
    const auto one_more = [&] { return asked() == before + 1; };
    for (int i = 0; i < 100 && !one_more(); ++i) dispatcher_.advance(milliseconds(pause / 100));
    EXPECT_TRUE(one_more()) << pause;
  }
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.1"}, Seconds(10));
  after(Seconds(12));
  EXPECT_THAT(addresses(), ElementsAre("10.0.0.1"));
  dns_->setFailure("web.example", DnsFailure::kTimeout);
  after(Seconds(12));
  const int before = asked();
  after(milliseconds(1300));
  EXPECT_GE(asked(), before) << "the pauses begin anew";
}

TEST_F(DnsWatchTest, ANameThatIsGoneKeepsWhatItHad) {
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.1"}, Seconds(10));
  start();
  settle();
  dns_->setFailure("web.example", DnsFailure::kNoSuchName);
  after(Seconds(10));
  EXPECT_EQ(watch_->outcome(), DnsFailure::kNoSuchName);
  EXPECT_THAT(addresses(), ElementsAre("10.0.0.1"));
  dns_->setFailure("web.example", DnsFailure::kNoData);
  after(Seconds(60));
  EXPECT_EQ(watch_->outcome(), DnsFailure::kNoData);
  EXPECT_THAT(addresses(), ElementsAre("10.0.0.1"));
}

TEST_F(DnsWatchTest, OrGivesItUpWhereThatIsWanted) {
  for (const DnsFailure failure : {DnsFailure::kNoSuchName, DnsFailure::kNoData}) {
    dns_->setAddresses("web.example", kIpv4, {"10.0.0.1"}, Seconds(10));
    changes_ = 0;
    start({.keep_when_gone = false});
    settle();
    dns_->setFailure("web.example", failure);
    after(Seconds(10));
    EXPECT_THAT(addresses(), IsEmpty());
    EXPECT_EQ(changes_, 2);
  }
}

TEST_F(DnsWatchTest, AFamilyThatGoesAloneGoes) {
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.1"}, Seconds(10));
  dns_->setAddresses("web.example", kIpv6, {"2001:db8::1"}, Seconds(10));
  start({.families = DnsFamilies::kAll});
  settle();
  dns_->setAddresses("web.example", kIpv6, {});
  after(Seconds(10));
  EXPECT_EQ(watch_->outcome(), DnsFailure::kNone);
  EXPECT_THAT(addresses(), ElementsAre("10.0.0.1"));
}

TEST_F(DnsWatchTest, AFamilyThatNobodyAnswersAboutKeepsItsAddresses) {
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.1"}, Seconds(10));
  dns_->setAddresses("web.example", kIpv6, {"2001:db8::1"}, Seconds(10));
  start({.families = DnsFamilies::kAll});
  settle();
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.2"}, Seconds(10));
  dns_->setFailure("web.example", kIpv6, DnsFailure::kTimeout);
  after(Seconds(10));
  EXPECT_EQ(watch_->outcome(), DnsFailure::kTimeout);
  EXPECT_THAT(addresses(), ElementsAre("2001:db8::1", "10.0.0.2"));
  // That the one is gone for sure does not say that the other one is.
  dns_->setAddresses("web.example", kIpv4, {});
  after(Seconds(60));
  EXPECT_THAT(addresses(), ElementsAre("2001:db8::1"));
}

TEST_F(DnsWatchTest, AFamilyThatIsNotNeededMayFail) {
  dns_->setAddresses("web.example", kIpv4, {"10.0.0.1"}, Seconds(10));
  dns_->setFailure("web.example", kIpv6, DnsFailure::kTimeout);
  start();
  settle();
  EXPECT_EQ(watch_->outcome(), DnsFailure::kNone);
  start({.families = DnsFamilies::kIpv6Preferred});
  settle();
  EXPECT_EQ(watch_->outcome(), DnsFailure::kTimeout);
  EXPECT_THAT(addresses(), ElementsAre("10.0.0.1")) << "better than nothing";
}

TEST_F(DnsWatchTest, DestroyedWhileItAsks) {
  dns_->hold(true);
  start();
  EXPECT_EQ(dns_->waiting(), 2u);
  watch_.reset();
  EXPECT_EQ(dns_->waiting(), 0u);
  dns_->hold(false);
  settle();
  dispatcher_.advance(Seconds(1000));
  EXPECT_EQ(changes_, 0);
}

TEST_F(DnsWatchTest, ServicesAreSorted) {
  dns_->setServices("_http._tcp.example",
                    {{20, 1, 80, "a"}, {10, 1, 80, "c"}, {10, 1, 80, "b"}, {10, 1, 70, "b"}});
  startService();
  settle();
  EXPECT_EQ(changes_, 1);
  EXPECT_THAT(service_->services(),
              ElementsAre(DnsService{10, 1, 70, "b"}, DnsService{10, 1, 80, "b"},
                          DnsService{10, 1, 80, "c"}, DnsService{20, 1, 80, "a"}));
  dns_->setServices("_http._tcp.example",
                    {{10, 1, 80, "b"}, {20, 1, 80, "a"}, {10, 1, 80, "c"}, {10, 1, 70, "b"}});
  after(Seconds(60));
  EXPECT_EQ(changes_, 1) << "another order is no change";
}

TEST_F(DnsWatchTest, ServicesStayThroughFailures) {
  dns_->setServices("_http._tcp.example", {{1, 1, 80, "a"}});
  startService();
  settle();
  dns_->setFailure("_http._tcp.example", DnsFailure::kServer);
  after(Seconds(60));
  dns_->setFailure("_http._tcp.example", DnsFailure::kNoSuchName);
  after(Seconds(60));
  EXPECT_EQ(service_->services().size(), 1u);
  EXPECT_EQ(changes_, 1);
  service_.reset();
  startService({.keep_when_gone = false});
  settle();
  EXPECT_THAT(service_->services(), IsEmpty());
  EXPECT_EQ(service_->outcome(), DnsFailure::kNoSuchName);
}

}  // namespace
}  // namespace weir::extensions::clusters
