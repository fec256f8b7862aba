#include "source/router/cluster_choice.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/buffer/block_pool.h"
#include "source/router/cluster_targets.h"
#include "test/fakes/fake_dispatcher.h"

namespace weir::router {
namespace {

using Shares = std::vector<std::pair<std::string, uint32_t>>;

class ClusterChoiceTest : public testing::Test {
 protected:
  struct Exchange {
    explicit Exchange(ClusterChoiceTest& test)
        : context{request, response, request_trailers, response_trailers,
                  info,    arena,    test.dispatcher_, test.blocks_} {
      info.draw = test.random_.next();
    }
    http::RequestHead request;
    http::ResponseHead response;
    base::Arena arena{256};
    http::HeaderMap request_trailers{arena};
    http::HeaderMap response_trailers{arena};
    http::StreamInfo info;
    http::FilterChainContext context;
  };

  void route(const Shares& shares, std::optional<StickyWeights> sticky = {}) {
    ClusterTargets targets;
    for (const auto& [name, weight] : shares) {
      targets.weighted.push_back({.cluster = name, .weight = weight});
    }
    targets.sticky = std::move(sticky);
    compile(targets);
  }
  void compile(const ClusterTargets& targets) {
    RouteEntry entry;
    entry.targets = std::make_shared<ClusterTargets>(targets);
    entry.cluster.timeout = std::chrono::milliseconds(77);
    table_ = *RouteTable::compile({{.name = "v", .domains = {"*"}, .routes = {entry}}});
  }
  std::string choose(Exchange& exchange) {
    choice_ = ClusterChoice();
    choice_.choose(*table_->match("h", "/"), exchange.context, random_);
    return std::string(choice_.cluster());
  }
  std::string chooseFor(int client) {
    Exchange exchange(*this);
    exchange.request.headers.add("x-user", std::to_string(client));
    return choose(exchange);
  }

  event::FakeDispatcher dispatcher_;
  buffer::BlockPool blocks_;
  base::Random random_{20261122};
  std::shared_ptr<const RouteTable> table_;
  ClusterChoice choice_;
};

const StickyWeights kByUser{.kind = StickyWeights::Kind::kHeader, .name = "x-user"};
const StickyWeights kByCookie{
    .kind = StickyWeights::Kind::kOwnCookie, .name = "c", .attributes = "; Path=/"};

TEST_F(ClusterChoiceTest, OneClusterIsTheRoutes) {
  RouteEntry entry;
  entry.cluster.cluster = "web";
  table_ = *RouteTable::compile({{.name = "v", .domains = {"*"}, .routes = {entry}}});
  Exchange exchange(*this);
  EXPECT_EQ(choose(exchange), "web");
  EXPECT_EQ(choice_.action(), &table_->match("h", "/")->cluster);
  EXPECT_EQ(choice_.index(), 0u);
}

TEST_F(ClusterChoiceTest, SharesAreThoseOfTheWeights) {
  route({{"a", 900}, {"none", 0}, {"b", 100}});
  EXPECT_THAT(table_->clusters(), testing::ElementsAre("a", "none", "b"));
  std::map<std::string, int> counts;
  for (int i = 0; i < 20'000; ++i) {
    Exchange exchange(*this);
    const std::string chosen = choose(exchange);
    ++counts[chosen];
    EXPECT_EQ(choice_.action()->cluster, chosen);
    EXPECT_EQ(table_->clusters()[choice_.index()], chosen);
    EXPECT_EQ(choice_.action()->timeout, std::chrono::milliseconds(77))
        << "all else is the route's";
    EXPECT_EQ(choose(exchange), chosen) << "an exchange stays with its cluster";
  }
  EXPECT_NEAR(counts["b"], 2000, 300);
  EXPECT_EQ(counts["none"], 0);
}

TEST_F(ClusterChoiceTest, ClientsKeepTheirClusterAndFewMoveWhenWeightsChange) {
  constexpr int kClients = 10'000;
  constexpr int kTenth = kClients / 10;
  route({{"a", 90}, {"b", 10}}, kByUser);
  std::vector<std::string> before;
  int in_b = 0;
  for (int i = 0; i < kClients; ++i) {
    before.push_back(chooseFor(i));
    EXPECT_EQ(chooseFor(i), before.back());
    in_b += before.back() == "b" ? 1 : 0;
  }
  EXPECT_NEAR(in_b, kTenth, kTenth * 0.2);
  // The order makes no difference, nor does a cluster without weight.
  route({{"b", 10}, {"c", 0}, {"a", 90}}, kByUser);
  for (int i = 0; i < kClients; ++i) EXPECT_EQ(chooseFor(i), before[static_cast<size_t>(i)]);
  route({{"a", 80}, {"b", 20}}, kByUser);
  int moved = 0;
  for (int i = 0; i < kClients; ++i) {
    const std::string now = chooseFor(i);
    if (now == before[static_cast<size_t>(i)]) continue;
    ++moved;
    EXPECT_EQ(now, "b") << "only to the one that has gained";
  }
  // b has 10 % more: so many move, and no more.
  EXPECT_NEAR(moved, kTenth, kTenth * 0.2);
}

TEST_F(ClusterChoiceTest, OwnCookiesAreNumbers) {
  route({{"a", 1}, {"b", 1}}, kByCookie);
  Exchange first(*this);
  const std::string chosen = choose(first);
  ASSERT_TRUE(choice_.setsCookie());
  choice_.onAnswer(first.context);
  const std::string cookie(first.response.headers.get("set-cookie"));
  ASSERT_THAT(cookie, testing::MatchesRegex("c=[0-9a-f]{16}; Path=/"));
  Exchange second(*this);
  second.request.headers.add("cookie", "x=1; " + cookie.substr(0, cookie.find(';')));
  EXPECT_EQ(choose(second), chosen);
  EXPECT_FALSE(choice_.setsCookie());
  for (const std::string value :
       {"", "0", "zzzzzzzzzzzzzzzz", "0123456789abcde", "0123456789abcdef0", "-123456789abcdef",
        "0x23456789abcdef", " 123456789abcdef"}) {
    Exchange forged(*this);
    forged.request.headers.add("cookie", "c=" + value);
    choose(forged);
    EXPECT_TRUE(choice_.setsCookie()) << value;
  }
}

TEST_F(ClusterChoiceTest, OwnCookiesAreSecureWhereTheRequestIs) {
  StickyWeights sticky = kByCookie;
  sticky.secure = true;
  route({{"a", 1}}, sticky);
  Exchange exchange(*this);
  choose(exchange);
  choice_.onAnswer(exchange.context);
  EXPECT_THAT(std::string(exchange.response.headers.get("set-cookie")),
              testing::EndsWith("; Path=/; Secure"));
}

TEST_F(ClusterChoiceTest, AddressesAndCookiesOfOthers) {
  const network::Address client = *network::Address::parse("10.0.0.1:5");
  const network::Address same = *network::Address::parse("10.0.0.1:6");
  std::map<std::string, int> seen;
  for (int salt = 0; salt < 20; ++salt) {
    route({{"a" + std::to_string(salt), 1}, {"b", 1}},
          StickyWeights{.kind = StickyWeights::Kind::kSourceAddress});
    Exchange one(*this);
    Exchange other(*this);
    one.info.downstream_remote = &client;
    other.info.downstream_remote = &same;
    EXPECT_EQ(choose(one), choose(other));
    ++seen[choose(one).substr(0, 1)];
  }
  EXPECT_EQ(seen.size(), 2u);
  route({{"a", 1}, {"b", 1}}, StickyWeights{.kind = StickyWeights::Kind::kCookie, .name = "sid"});
  Exchange one(*this);
  Exchange other(*this);
  one.request.headers.add("cookie", "sid=abc");
  other.request.headers.add("cookie", "t=1; sid=abc");
  EXPECT_EQ(choose(one), choose(other));
  EXPECT_FALSE(choice_.setsCookie());
}

TEST_F(ClusterChoiceTest, WhoIsNotKnownGoesByChance) {
  route({{"a", 1}, {"b", 1}}, kByUser);
  std::map<std::string, int> counts;
  for (int i = 0; i < 1000; ++i) {
    Exchange exchange(*this);
    ++counts[choose(exchange)];
  }
  EXPECT_EQ(counts.size(), 2u);
}

TEST_F(ClusterChoiceTest, RequestsNameTheirCluster) {
  ClusterTargets targets;
  targets.header = "x-cluster";
  targets.not_found_status = 404;
  compile(targets);
  Exchange exchange(*this);
  EXPECT_EQ(choose(exchange), "");
  EXPECT_EQ(choice_.notFoundStatus(), 404);
  exchange.request.headers.add("X-Cluster", "blue");
  EXPECT_EQ(choose(exchange), "blue");
  EXPECT_EQ(choice_.index(), ClusterAction::kByName);
  EXPECT_TRUE(exchange.request.headers.has("x-cluster"));
  targets.remove_header = true;
  compile(targets);
  EXPECT_EQ(choose(exchange), "blue");
  EXPECT_FALSE(exchange.request.headers.has("x-cluster"));
}

}  // namespace
}  // namespace weir::router
