// The same exchanges through HTTP/1 and HTTP/2 on either side of the proxy mean the same at both
// ends. The way HTTP/1 to HTTP/1 is what the other three are held against.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/exchange_client.h"
#include "test/support/exchange_origin.h"
#include "test/support/exchange_scripts.h"
#include "test/support/in_process_proxy.h"

namespace weir {
namespace {

using test::Exchange;
using test::ExchangeOrigin;
using test::Seen;

const std::vector<Exchange>& exchanges() {
  return test::scriptedExchanges();
}

std::string listenerTo(const std::string& cluster) {
  std::string text = test::edgeListener("allow_connect: true",
                                        "routes { route { cluster: \"" + cluster + "\" } }");
  return text.replace(text.find("edge"), 4, "to_" + cluster);
}

// The proxy between both kinds of origin; clients choose their version by what they say first.
struct World {
  ExchangeOrigin http1{ExchangeOrigin::Speaks::kHttp1, exchanges()};
  ExchangeOrigin http2{ExchangeOrigin::Speaks::kHttp2, exchanges()};
  test::InProcessProxy proxy{
      listenerTo("h1") + listenerTo("h2") + test::cluster("h1", {http1.address()}) +
      test::cluster("h2", {http2.address()}, "http_protocol: HTTP_PROTOCOL_HTTP2") +
      test::runtime()};
};

class Http2DifferentialTest : public ::testing::Test {
 public:
  static void SetUpTestSuite() { world_ = std::make_unique<World>(); }
  static void TearDownTestSuite() { world_.reset(); }

 protected:
  static uint16_t portTo(const std::string& cluster) { return world_->proxy.port("to_" + cluster); }
  static ExchangeOrigin& origin(const std::string& cluster) {
    return cluster == "h1" ? world_->http1 : world_->http2;
  }
  void SetUp() override {
    world_->http1.forget();
    world_->http2.forget();
  }
  // What the proxy is as a client.
  void TearDown() override { EXPECT_EQ(world_->http2.violations(), ""); }

  static std::unique_ptr<World> world_;
};
std::unique_ptr<World> Http2DifferentialTest::world_;

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

class EachExchangeTest : public Http2DifferentialTest,
                         public ::testing::WithParamInterface<Exchange> {};

TEST_P(EachExchangeTest, MeansTheSameOnEveryWay) {
  const Exchange& exchange = GetParam();
  const Seen expected_by_client = test::exchangeByHttp1(portTo("h1"), exchange);
  const std::vector<Seen> expected_by_origin = origin("h1").seen(exchange.name);
  ASSERT_EQ(expected_by_origin.size(), 1u);
  EXPECT_EQ(test::deviation(exchange, expected_by_client, expected_by_origin[0]), "");
  if (exchange.response.breaks_at_once) {
    EXPECT_EQ(expected_by_client.line, "502");
  }
  const std::string client_text = textOf(exchange, expected_by_client);
  const std::string origin_text = expected_by_origin[0].text();

  origin("h1").forget();
  EXPECT_EQ(textOf(exchange, test::exchangeByHttp2(portTo("h1"), exchange)), client_text)
      << "HTTP/2 to 1";
  EXPECT_EQ(textOf(origin("h1").seen(exchange.name)), origin_text) << "HTTP/2 to 1";

  EXPECT_EQ(textOf(exchange, test::exchangeByHttp1(portTo("h2"), exchange)), client_text)
      << "HTTP/1 to 2";
  EXPECT_EQ(textOf(origin("h2").seen(exchange.name)), origin_text) << "HTTP/1 to 2";

  origin("h2").forget();
  EXPECT_EQ(textOf(exchange, test::exchangeByHttp2(portTo("h2"), exchange)), client_text)
      << "HTTP/2 to 2";
  EXPECT_EQ(textOf(origin("h2").seen(exchange.name)), origin_text) << "HTTP/2 to 2";
}

INSTANTIATE_TEST_SUITE_P(Exchanges, EachExchangeTest, ::testing::ValuesIn(exchanges()),
                         [](const auto& instance) { return instance.param.name; });

// A hundred streams of one connection, each with its own script.
TEST_F(Http2DifferentialTest, StreamsInParallelMeanTheSameAsOneByOne) {
  constexpr size_t kStreams = 100;
  std::map<std::string, std::pair<std::string, std::string>> expected;  // by client, by origin
  for (const Exchange& exchange : exchanges()) {
    const std::string by_client = textOf(exchange, test::exchangeByHttp1(portTo("h1"), exchange));
    expected[exchange.name] = {by_client, textOf(origin("h1").seen(exchange.name))};
  }
  for (const std::string cluster : {"h1", "h2"}) {
    origin(cluster).forget();
    test::Http2ExchangeClient client(portTo(cluster));
    ASSERT_TRUE(client.started());
    std::vector<std::pair<uint32_t, const Exchange*>> begun;
    std::map<std::string, size_t> times;
    for (size_t i = 0; i < kStreams; ++i) {
      const Exchange& exchange = exchanges()[i * 7 % exchanges().size()];
      begun.emplace_back(client.begin(exchange), &exchange);
      ++times[exchange.name];
    }
    client.run();
    for (const auto& [stream, exchange] : begun) {
      EXPECT_EQ(textOf(*exchange, client.seen(stream)), expected[exchange->name].first)
          << exchange->name << " to " << cluster << " on stream " << stream;
    }
    for (const auto& [name, count] : times) {
      const std::vector<Seen> seen = origin(cluster).seen(name, count);
      // A GET may be sent again when a connection that was used before breaks under it.
      EXPECT_GE(seen.size(), count) << name << " to " << cluster;
      EXPECT_EQ(textOf(seen), expected[name].second) << name << " to " << cluster;
    }
    EXPECT_EQ(client.peer().violations(), "");
  }
}

}  // namespace
}  // namespace weir
