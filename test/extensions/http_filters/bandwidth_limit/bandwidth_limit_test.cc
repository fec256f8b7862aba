#include "extensions/http_filters/bandwidth_limit/bandwidth_limit.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"

#include "source/base/service_map.h"
#include "source/stats/stats.h"
#include "test/http/recorded_chain.h"
#include "test/support/allocation_counter.h"

namespace weir::extensions::http_filters::bandwidth_limit {
namespace {

using common::pacing::ByteBucket;
using std::chrono::milliseconds;

BandwidthPolicy policyOf(uint64_t request, uint64_t response, Scope scope = Scope::kStream) {
  BandwidthPolicy policy;
  policy.request = {.bytes_per_second = request, .scope = scope};
  policy.response = {.bytes_per_second = response, .scope = scope};
  return policy;
}

// A chain with the filter alone between a client's side and a fake terminal. Worker-confined.
class Chain : public http::RecordedChain {
 public:
  explicit Chain(BandwidthPolicy policy) {
    BandwidthConfig config;
    config.policy = std::move(policy);
    const auto ids = [&](const std::string& direction) {
      const stats::Labels labels = {{"direction", direction}};
      return DirectionStats{stats.counter("bytes", "A test's.", labels),
                            stats.counter("delayed", "A test's.", labels),
                            stats.histogram("delay", "A test's.", labels)};
    };
    config.request = request_ids = ids("request");
    config.response = response_ids = ids("response");
    shared_ = std::make_unique<BandwidthFilterFactory>(std::move(config));
    base::ServiceMap services;
    services.put(stats.block(1));
    factory_ = shared_->bind(services);
  }
  ~Chain() { chain.clear(); }

  void request(bool end_stream) {
    terminal = arena.create<http::FakeTerminal>(script, chain);
    chain.addFilter(*factory_->create(arena));
    chain.setTerminal(*terminal);
    request_head.method = "POST";
    request_head.authority = "example.com";
    request_head.path = "/";
    request_head.framing = http::BodyFraming::kChunked;
    chain.requestHead(end_stream);
  }
  void answerHead() {
    terminal->begin(200, http::BodyFraming::kChunked);
    chain.respondHead(false);
  }
  http::WorkerHttpFilterFactory& factory() { return *factory_; }

  stats::Store stats;
  DirectionStats request_ids{};
  DirectionStats response_ids{};

 private:
  std::unique_ptr<BandwidthFilterFactory> shared_;
  std::unique_ptr<http::WorkerHttpFilterFactory> factory_;
};

// Ten seconds of a source that always has more: right within 5 %, and never much in a step.
TEST(BandwidthLimit, TheRateIsRight) {
  for (const uint64_t rate : {uint64_t{1'000}, uint64_t{50'000}, uint64_t{10'000'000}}) {
    Chain proxy(policyOf(0, rate));
    proxy.client.record = false;
    proxy.request(true);
    proxy.answerHead();
    const std::string piece(rate / 7 + 1, 'x');
    size_t sent = 0;
    while (sent <= rate * 12) {
      proxy.answerBody(piece, false);
      sent += piece.size();
    }
    proxy.client.record = true;
    size_t most_at_once = 0;
    size_t before = 0;
    for (int i = 0; i < 1000; ++i) {
      proxy.dispatcher.advance(milliseconds(10));
      most_at_once = std::max(most_at_once, proxy.client.body.size() - before);
      before = proxy.client.body.size();
    }
    const auto expected = static_cast<double>(rate) * 10;
    EXPECT_NEAR(static_cast<double>(proxy.client.body.size()), expected, expected * 0.05) << rate;
    EXPECT_LE(most_at_once, rate / 20 + 1) << rate;
  }
}

TEST(BandwidthLimit, OrderIsKeptToTheEnd) {
  for (const bool trailers : {false, true}) {
    Chain proxy(policyOf(0, 1000));
    proxy.request(true);
    proxy.answerHead();
    std::string all;
    for (int i = 0; i < 10; ++i) {
      const std::string piece(150, static_cast<char>('a' + i));
      all += piece;
      proxy.answerBody(piece, !trailers && i == 9);
    }
    if (trailers) proxy.answerTrailers({{"x-sum", "1"}});
    for (int i = 0; i < 200 && !proxy.client.ended; ++i) {
      EXPECT_TRUE(all.starts_with(proxy.client.body));
      proxy.dispatcher.advance(milliseconds(10));
    }
    EXPECT_TRUE(proxy.client.ended);
    EXPECT_EQ(proxy.client.body, all);
    EXPECT_EQ(proxy.client.trailers, trailers ? "x-sum: 1\n" : "");
    proxy.clear();
    EXPECT_EQ(proxy.stats.value(proxy.response_ids.bytes), all.size());
    EXPECT_EQ(proxy.stats.value(proxy.response_ids.delayed), 1u);
    // 1500 bytes, of which 100 go at once.
    EXPECT_NEAR(static_cast<double>(proxy.stats.value(proxy.response_ids.delay_ms).sum), 1400, 60);
  }
}

TEST(BandwidthLimit, RequestsToo) {
  Chain proxy(policyOf(1000, 0));
  proxy.request(false);
  proxy.sendBody(std::string(1000, 'q'), true);
  EXPECT_EQ(proxy.seen().body.size(), 100u);
  proxy.dispatcher.advance(milliseconds(500));
  EXPECT_NEAR(static_cast<double>(proxy.seen().body.size()), 600, 50);
  proxy.dispatcher.advance(milliseconds(450));
  EXPECT_TRUE(proxy.seen().complete);
  EXPECT_EQ(proxy.seen().body.size(), 1000u);
  proxy.terminal->respond(200, std::string(100'000, 'r'));
  EXPECT_TRUE(proxy.client.ended);  // no limit there
}

TEST(BandwidthLimit, TheSenderIsSlowed) {
  Chain proxy(policyOf(1000, 1000));
  proxy.request(false);
  for (int i = 0; i < 100; ++i) proxy.sendBody(std::string(10'000, 'q'), false);
  EXPECT_FALSE(proxy.client.reading);
  proxy.answerHead();
  for (int i = 0; i < 100; ++i) proxy.answerBody(std::string(10'000, 'r'), false);
  EXPECT_EQ(proxy.script.blocked, std::vector<bool>{true});
}

TEST(BandwidthLimit, AStreamThatBreaksOffWakesNobody) {
  Chain proxy(policyOf(10, 10));
  proxy.request(false);
  proxy.sendBody(std::string(1000, 'q'), false);
  proxy.clear();
  proxy.dispatcher.advance(milliseconds(1000));
  proxy.request(true);
  EXPECT_TRUE(proxy.seen().complete);
}

TEST(ByteBucket, StreamsThatShareGetEqualParts) {
  const event::MonotonicTime start{std::chrono::seconds(100)};
  ByteBucket bucket(10'000);
  EXPECT_EQ(bucket.take(5000, start), 1000u);  // full at first
  EXPECT_EQ(bucket.take(5000, start), 0u);
  bucket.join();
  bucket.join();
  size_t first = 0;
  size_t second = 0;
  for (int i = 1; i <= 1000; ++i) {
    const auto now = start + milliseconds(20 * i);
    first += bucket.take(5000, now);
    second += bucket.take(5000, now + milliseconds(7));
  }
  EXPECT_NEAR(static_cast<double>(first + second), 200'000, 2'000);
  EXPECT_NEAR(static_cast<double>(first) / static_cast<double>(second), 1.0, 0.35);
  bucket.leave();
  bucket.leave();
  // Time that goes back gives nothing.
  EXPECT_LE(bucket.take(5000, start), 1000u);
  EXPECT_EQ(bucket.take(5000, start), 0u);
}

TEST(ByteBucket, TheSmallestRateStillMoves) {
  const event::MonotonicTime start{std::chrono::seconds(100)};
  ByteBucket bucket(1);
  EXPECT_EQ(bucket.take(10, start), 1u);
  EXPECT_EQ(bucket.take(10, start + milliseconds(900)), 0u);
  EXPECT_EQ(bucket.take(10, start + milliseconds(1000)), 1u);
}

TEST(BandwidthLimit, AWorkersStreamsShare) {
  BandwidthPolicy of_all = policyOf(0, 1000, Scope::kAll);
  of_all.response.shared = std::make_shared<ByteBucket>(1000);
  for (const BandwidthPolicy& policy : {policyOf(0, 1000, Scope::kWorker), of_all}) {
    Chain one(policy);
    one.request(true);
    one.answerHead();
    one.answerBody(std::string(100, 'x'), true);
    EXPECT_TRUE(one.client.ended);  // the bucket is empty now
    one.clear();
    one.client.body.clear();
    one.request(true);
    one.answerHead();
    one.answerBody(std::string(100, 'x'), true);
    EXPECT_EQ(one.client.body, "");
    one.dispatcher.advance(milliseconds(150));
    EXPECT_EQ(one.client.body.size(), 100u);
  }
}

TEST(BandwidthLimit, PassingByAllocatesNothing) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  for (const uint64_t rate : {uint64_t{0}, uint64_t{1} << 40}) {
    Chain proxy(policyOf(rate, rate));
    proxy.client.record = false;
    proxy.script.requests.reserve(100);
    uint64_t allocations = 0;
    for (int i = 0; i < 40; ++i) {
      proxy.request(true);
      buffer::Buffer body(proxy.blocks);
      body.append(std::string(20'000, 'x'));
      const test::AllocationCounter counter("");
      proxy.response_head.status = 200;
      proxy.response_head.framing = http::BodyFraming::kChunked;
      proxy.chain.respondHead(false);
      proxy.chain.respondBody(body, true);
      EXPECT_TRUE(proxy.client.ended);
      proxy.clear();
      if (i >= 20) allocations += counter.count();
    }
    EXPECT_EQ(allocations, 0u);
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::bandwidth_limit
