#include "extensions/network_filters/connection_limit/connection_limit.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "source/network/filter_chain.h"
#include "test/extensions/network_filters/common/filter_host.h"
#include "test/network/support.h"

namespace weir::extensions::network_filters::connection_limit {
namespace {

using network::test::FilterHost;
using network::test::SinkFactory;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ConnectionCounts, ThreadsNeverExceedTheLimit) {
  ConnectionCounts counts;
  const SourceKey source{1, 2};
  std::atomic<int> together{0};
  std::atomic<bool> exceeded{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        if (!counts.tryTake(3)) continue;
        if (++together > 3) exceeded = true;
        if (counts.tryTake(source, 2)) counts.give(source);
        --together;
        counts.give();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(exceeded);
  EXPECT_EQ(counts.open(), 0u);
  EXPECT_EQ(counts.sources(), 0u);
}

TEST(ConnectionCounts, SourcesCountApart) {
  ConnectionCounts counts;
  EXPECT_TRUE(counts.tryTake({1, 1}, 1));
  EXPECT_FALSE(counts.tryTake({1, 1}, 1));
  EXPECT_TRUE(counts.tryTake({2, 1}, 1));
  EXPECT_TRUE(counts.tryTake({1, 1}, 2));
  EXPECT_EQ(counts.sources(), 2u);
}

class ConnectionLimitTest : public testing::Test {
 protected:
  ConnectionLimitTest() {
    config_->counts = std::make_shared<ConnectionCounts>();
    config_->stats.refused = host_.stats.counter("refused", "");
    config_->stats.refused_source = host_.stats.counter("refused_source", "");
    config_->stats.active = host_.stats.gauge("active", "");
    host_.use(
        {std::make_shared<ConnectionLimitFactory>(config_), std::make_shared<SinkFactory>(seen_)});
  }
  int64_t stat(const char* name) { return host_.stats.valueOf(name); }

  FilterHost host_;
  std::shared_ptr<ConnectionLimitConfig> config_ = std::make_shared<ConnectionLimitConfig>();
  SinkFactory::Seen seen_;
};

TEST_F(ConnectionLimitTest, OneTooManyIsClosed) {
  config_->max_connections = 2;
  FilterHost::Client& first = host_.connect();
  FilterHost::Client& second = host_.connect();
  EXPECT_TRUE(host_.connect().closed());
  EXPECT_EQ(seen_.connected, 2);
  EXPECT_EQ(stat("refused"), 1);
  EXPECT_EQ(stat("active"), 2);
  first.reset();
  EXPECT_TRUE(host_.until([&] { return first.closed(); }));
  EXPECT_FALSE(host_.connect().closed());
  EXPECT_TRUE(host_.connect().closed());
  second.send("x");
  EXPECT_EQ(seen_.data, "x");
}

TEST_F(ConnectionLimitTest, OneTooManyOfASource) {
  config_->max_per_source = 1;
  EXPECT_FALSE(host_.connect().closed());
  EXPECT_TRUE(host_.connect().closed());
  EXPECT_EQ(stat("refused_source"), 1);
  EXPECT_EQ(stat("refused"), 0);
  EXPECT_EQ(config_->counts->open(), 1u);
  host_.closeAll();
  EXPECT_EQ(config_->counts->open(), 0u);
  EXPECT_EQ(config_->counts->sources(), 0u);
  EXPECT_EQ(stat("active"), 0);
}

TEST_F(ConnectionLimitTest, ADelayBeforeClosing) {
  config_->max_connections = 1;
  config_->delay = seconds(2);
  host_.connect();
  FilterHost::Client& second = host_.connect();
  second.send("hello");
  EXPECT_FALSE(second.closed());
  EXPECT_EQ(seen_.connected, 1);
  host_.dispatcher.advance(milliseconds(1900));
  EXPECT_FALSE(second.closed());
  host_.dispatcher.advance(milliseconds(200));
  EXPECT_TRUE(second.closed());
  EXPECT_EQ(seen_.data, "");
}

TEST_F(ConnectionLimitTest, ADelayedOneMayGo) {
  config_->max_connections = 1;
  config_->delay = seconds(2);
  FilterHost::Client& first = host_.connect();
  host_.connect();
  host_.closeAll();
  host_.dispatcher.advance(seconds(3));
  EXPECT_EQ(config_->counts->open(), 0u);
  static_cast<void>(first);
}

TEST_F(ConnectionLimitTest, SoManyAreDelayedAndNoMore) {
  config_->max_connections = 1;
  config_->delay = seconds(2);
  host_.connect();
  for (uint32_t i = 0; i < 50; ++i) EXPECT_FALSE(host_.connect().closed());
  host_.dispatcher.advance(seconds(3));
  EXPECT_EQ(stat("refused"), 50);
}

TEST(SourceKey, IsAnIpv4AddressOrAnIpv6Network) {
  const auto key = [](const char* text) { return *sourceKey(*network::Address::parse(text)); };
  EXPECT_EQ(key("10.0.0.1:1"), key("10.0.0.1:2"));
  EXPECT_EQ(key("10.0.0.1:1"), key("[::ffff:10.0.0.1]:1"));
  EXPECT_NE(key("10.0.0.1:1"), key("10.0.0.2:1"));
  EXPECT_EQ(key("[2001:db8::1]:1"), key("[2001:db8::2:3]:1"));
  EXPECT_NE(key("[2001:db8::1]:1"), key("[2001:db8:0:1::1]:1"));
  EXPECT_NE(key("[::1]:1"), key("0.0.0.0:1"));
  EXPECT_FALSE(sourceKey(*network::Address::parse("unix:/x")).has_value());
}

}  // namespace
}  // namespace weir::extensions::network_filters::connection_limit
