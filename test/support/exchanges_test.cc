// The players of exchanges against each other, without a proxy.
#include "gtest/gtest.h"

#include "test/support/exchange_client.h"
#include "test/support/exchange_origin.h"
#include "test/support/exchange_scripts.h"

namespace weir::test {
namespace {

class ExchangesTest : public ::testing::TestWithParam<Exchange> {};

uint16_t portOf(const ExchangeOrigin& origin) {
  const std::string address = origin.address();
  return static_cast<uint16_t>(std::stoi(address.substr(address.find(':') + 1)));
}

TEST_P(ExchangesTest, Http1PlaysTheScript) {
  ExchangeOrigin origin(ExchangeOrigin::Speaks::kHttp1, scriptedExchanges());
  const Seen client = exchangeByHttp1(portOf(origin), GetParam());
  const auto seen = origin.seen(GetParam().name);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(deviation(GetParam(), client, seen[0]), "") << client.text() << seen[0].text();
}

TEST_P(ExchangesTest, Http2PlaysTheScript) {
  ExchangeOrigin origin(ExchangeOrigin::Speaks::kHttp2, scriptedExchanges());
  const Seen client = exchangeByHttp2(portOf(origin), GetParam());
  const auto seen = origin.seen(GetParam().name);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(deviation(GetParam(), client, seen[0]), "") << client.text() << seen[0].text();
  EXPECT_EQ(origin.violations(), "");
}

INSTANTIATE_TEST_SUITE_P(All, ExchangesTest, ::testing::ValuesIn(scriptedExchanges()),
                         [](const auto& instance) { return instance.param.name; });

TEST(ParallelExchangesTest, MeanTheSame) {
  ExchangeOrigin origin(ExchangeOrigin::Speaks::kHttp2, scriptedExchanges());
  Http2ExchangeClient client(portOf(origin));
  ASSERT_TRUE(client.started());
  std::vector<uint32_t> streams;
  for (const Exchange& exchange : scriptedExchanges()) streams.push_back(client.begin(exchange));
  client.run();
  for (size_t i = 0; i < streams.size(); ++i) {
    const Exchange& exchange = scriptedExchanges()[i];
    const auto seen = origin.seen(exchange.name);
    ASSERT_EQ(seen.size(), 1u) << exchange.name;
    EXPECT_EQ(deviation(exchange, client.seen(streams[i]), seen[0]), "") << exchange.name;
  }
}

}  // namespace
}  // namespace weir::test
