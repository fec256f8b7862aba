// The same exchanges through HTTP/1 and HTTP/2 on either side of the proxy mean the same at both
// ends. The way HTTP/1 to HTTP/1 is what the other three are held against.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/exchange_client.h"
#include "test/support/exchange_origin.h"
#include "test/support/exchange_scripts.h"
#include "test/support/in_process_proxy.h"
#include "test/support/random_exchanges.h"

namespace weir {
namespace {

using test::Exchange;
using test::ExchangeOrigin;
using test::Seen;

std::string listenerTo(const std::string& cluster) {
  std::string text = test::edgeListener("allow_connect: true",
                                        "routes { route { cluster: \"" + cluster + "\" } }");
  return text.replace(text.find("edge"), 4, "to_" + cluster);
}

// What a client saw; of the proxy's own words about an endpoint that failed only the status.
std::string textOf(const Exchange& exchange, const Seen& seen) {
  return exchange.response.breaks_at_once ? seen.line : seen.text();
}

std::string textOf(const std::vector<Seen>& seen) {
  std::vector<std::string> texts;
  for (const Seen& one : seen) texts.push_back(one.text());
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  std::string text;
  for (const std::string& one : texts) text += one;
  return text;
}

// The proxy between both kinds of origin; clients choose their version by what they say first.
class World {
 public:
  explicit World(const std::vector<Exchange>& exchanges)
      : http1_(ExchangeOrigin::Speaks::kHttp1, exchanges),
        http2_(ExchangeOrigin::Speaks::kHttp2, exchanges),
        proxy_(listenerTo("h1") + listenerTo("h2") + test::cluster("h1", {http1_.address()}) +
               test::cluster("h2", {http2_.address()}, "http_protocol: HTTP_PROTOCOL_HTTP2") +
               test::runtime()) {}

  // What both ends see with HTTP/1 all the way.
  struct Expected {
    std::string by_client;
    std::string by_origin;
  };
  Expected byHttp1(const Exchange& exchange) {
    http1_.forget();
    const Seen client = test::exchangeByHttp1(portTo("h1"), exchange);
    const std::vector<Seen> seen = http1_.seen(exchange.name);
    EXPECT_FALSE(seen.empty()) << exchange.name;
    if (seen.empty()) return {};
    EXPECT_EQ(test::deviation(exchange, client, seen[0]), "") << exchange.name << "\n"
                                                              << client.text() << seen[0].text();
    if (exchange.response.breaks_at_once) {
      EXPECT_EQ(client.line, "502");
    }
    return {textOf(exchange, client), textOf(seen)};
  }

  void expectSameOnEveryWay(const Exchange& exchange) {
    const Expected expected = byHttp1(exchange);
    const auto check = [&](const char* way, const Seen& client, ExchangeOrigin& origin) {
      EXPECT_EQ(textOf(exchange, client), expected.by_client) << exchange.name << " " << way;
      EXPECT_EQ(textOf(origin.seen(exchange.name)), expected.by_origin)
          << exchange.name << " " << way;
      origin.forget();
    };
    http1_.forget();
    check("HTTP/2 to 1", test::exchangeByHttp2(portTo("h1"), exchange), http1_);
    check("HTTP/1 to 2", test::exchangeByHttp1(portTo("h2"), exchange), http2_);
    check("HTTP/2 to 2", test::exchangeByHttp2(portTo("h2"), exchange), http2_);
  }

  // On as many streams of one HTTP/2 connection at once.
  void expectSameInParallel(const std::string& cluster, const std::vector<const Exchange*>& list,
                            const std::map<std::string, Expected>& expected) {
    test::Http2ExchangeClient client(portTo(cluster));
    ASSERT_TRUE(client.started());
    std::vector<std::pair<uint32_t, const Exchange*>> begun;
    for (const Exchange* exchange : list) begun.emplace_back(client.begin(*exchange), exchange);
    client.run();
    for (const auto& [stream, exchange] : begun) {
      EXPECT_EQ(textOf(*exchange, client.seen(stream)), expected.at(exchange->name).by_client)
          << exchange->name << " to " << cluster << " on stream " << stream;
    }
    EXPECT_EQ(client.peer().violations(), "");
  }
  void expectSeenByOrigin(const std::string& cluster, const std::vector<const Exchange*>& list,
                          const std::map<std::string, Expected>& expected) {
    std::map<std::string, size_t> times;
    for (const Exchange* exchange : list) ++times[exchange->name];
    for (const auto& [name, count] : times) {
      const std::vector<Seen> seen = origin(cluster).seen(name, count);
      // A GET may be sent again when a connection that was used before breaks under it.
      EXPECT_GE(seen.size(), count) << name << " to " << cluster;
      EXPECT_EQ(textOf(seen), expected.at(name).by_origin) << name << " to " << cluster;
    }
  }

  ExchangeOrigin& origin(const std::string& cluster) { return cluster == "h1" ? http1_ : http2_; }
  // What the proxy did wrong as a client.
  std::string violations() { return http2_.violations(); }

 private:
  uint16_t portTo(const std::string& cluster) { return proxy_.port("to_" + cluster); }

  ExchangeOrigin http1_;
  ExchangeOrigin http2_;
  test::InProcessProxy proxy_;
};

// `count` of them, in another order than they stand.
std::vector<const Exchange*> mixed(const std::vector<Exchange>& exchanges, size_t count) {
  std::vector<const Exchange*> list;
  for (size_t i = 0; i < count; ++i) list.push_back(&exchanges[i * 7 % exchanges.size()]);
  return list;
}

class ScriptedExchangesTest : public ::testing::TestWithParam<Exchange> {
 public:
  static void SetUpTestSuite() { world_ = std::make_unique<World>(test::scriptedExchanges()); }
  static void TearDownTestSuite() { world_.reset(); }

 protected:
  static std::unique_ptr<World> world_;
};
std::unique_ptr<World> ScriptedExchangesTest::world_;

TEST_P(ScriptedExchangesTest, MeanTheSameOnEveryWay) {
  world_->expectSameOnEveryWay(GetParam());
  EXPECT_EQ(world_->violations(), "");
}

INSTANTIATE_TEST_SUITE_P(Each, ScriptedExchangesTest,
                         ::testing::ValuesIn(test::scriptedExchanges()),
                         [](const auto& instance) { return instance.param.name; });

// A hundred streams of one connection, each with its own script.
TEST(Http2DifferentialTest, StreamsInParallelMeanTheSameAsOneByOne) {
  const std::vector<Exchange>& exchanges = test::scriptedExchanges();
  World world(exchanges);
  std::map<std::string, World::Expected> expected;
  for (const Exchange& exchange : exchanges) expected[exchange.name] = world.byHttp1(exchange);
  const auto list = mixed(exchanges, 100);
  for (const std::string cluster : {"h1", "h2"}) {
    world.origin(cluster).forget();
    world.expectSameInParallel(cluster, list, expected);
    world.expectSeenByOrigin(cluster, list, expected);
  }
  EXPECT_EQ(world.violations(), "");
}

// WEIR_LONG: more of them.
TEST(Http2DifferentialTest, RandomExchangesMeanTheSame) {
  const uint32_t seeds = std::getenv("WEIR_LONG") != nullptr ? 20 : 1;
  for (uint32_t seed = 1; seed <= seeds; ++seed) {
    const std::vector<Exchange> exchanges = test::randomExchanges(seed, 200);
    World world(exchanges);
    for (const Exchange& exchange : exchanges) {
      world.expectSameOnEveryWay(exchange);
      ASSERT_FALSE(HasFailure()) << "seed " << seed;
    }
    EXPECT_EQ(world.violations(), "");
  }
}

// Four connections with a hundred streams each, at once.
TEST(Http2DifferentialTest, RandomExchangesInParallelMeanTheSame) {
  constexpr size_t kConnections = 4;
  const std::vector<Exchange> exchanges = test::randomExchanges(42, 101);
  World world(exchanges);
  std::map<std::string, World::Expected> expected;
  for (const Exchange& exchange : exchanges) expected[exchange.name] = world.byHttp1(exchange);
  const auto list = mixed(exchanges, 100);
  for (const std::string cluster : {"h1", "h2"}) {
    world.origin(cluster).forget();
    std::vector<std::thread> clients;
    for (size_t i = 0; i < kConnections; ++i) {
      clients.emplace_back([&] { world.expectSameInParallel(cluster, list, expected); });
    }
    for (std::thread& client : clients) client.join();
    world.expectSeenByOrigin(cluster, list, expected);
  }
  EXPECT_EQ(world.violations(), "");
}

}  // namespace
}  // namespace weir
