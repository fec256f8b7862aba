#include "test/fakes/fake_dns_resolver.h"

#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/fakes/fake_dispatcher.h"

namespace weir::network {
namespace {

class FakeDnsResolverTest : public ::testing::Test {
 protected:
  std::unique_ptr<DnsQuery> ask(DnsFamily family = DnsFamily::kIpv4) {
    return resolver_.resolveAddresses("web", family, [this](DnsAddresses a) { answer_ = a; });
  }
  event::FakeDispatcher dispatcher_;
  FakeDnsResolver resolver_{dispatcher_};
  std::optional<DnsAddresses> answer_;
};

TEST_F(FakeDnsResolverTest, AnswersOnTheNextTurn) {
  resolver_.setAddresses("web", DnsFamily::kIpv4, {"10.0.0.1"}, std::chrono::seconds(7));
  const auto query = ask();
  EXPECT_FALSE(answer_);
  dispatcher_.runUntilIdle();
  ASSERT_TRUE(answer_);
  EXPECT_EQ(answer_->addresses.at(0).ip(), "10.0.0.1");
  EXPECT_EQ(answer_->ttl, std::chrono::seconds(7));
  EXPECT_EQ(resolver_.asked("web"), 1);
}

TEST_F(FakeDnsResolverTest, FailuresAndWhatIsNotSet) {
  const auto query = ask(DnsFamily::kIpv6);
  dispatcher_.runUntilIdle();
  EXPECT_EQ(answer_->failure, DnsFailure::kNoSuchName);
  resolver_.setFailure("web", DnsFailure::kTimeout);
  const auto again = ask();
  dispatcher_.runUntilIdle();
  EXPECT_EQ(answer_->failure, DnsFailure::kTimeout);
}

TEST_F(FakeDnsResolverTest, HeldQuestionsWaitAndMayBeCancelled) {
  resolver_.hold(true);
  auto first = ask();
  const auto second = ask();
  dispatcher_.runUntilIdle();
  EXPECT_EQ(resolver_.waiting(), 2u);
  first.reset();
  EXPECT_EQ(resolver_.waiting(), 1u);
  resolver_.hold(false);
  dispatcher_.runUntilIdle();
  EXPECT_TRUE(answer_);
}

TEST_F(FakeDnsResolverTest, Services) {
  resolver_.setServices("_a._tcp.b", {{1, 2, 3, "c"}});
  std::optional<DnsServices> services;
  const auto query =
      resolver_.resolveService("_a._tcp.b", [&](DnsServices answer) { services = answer; });
  dispatcher_.runUntilIdle();
  ASSERT_TRUE(services);
  EXPECT_EQ(services->services.at(0).target, "c");
}

}  // namespace
}  // namespace weir::network
