#include "extensions/http_filters/buffer/buffer_filter.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"

#include "source/base/service_map.h"
#include "source/stats/stats.h"
#include "test/extensions/http_filters/common/lone_filter.h"
#include "test/support/allocation_counter.h"

namespace weir::extensions::http_filters::buffer_ {
namespace {

// A chain with the filter alone between a client's side and a fake terminal. Worker-confined.
class Chain : public http::RecordedChain {
 public:
  explicit Chain(uint32_t most = 100) {
    config.policy.max_request_bytes = most;
    config.requests = stats.counter("requests", "A test's.");
    config.bytes = stats.counter("bytes", "A test's.");
    config.too_large = stats.counter("too_large", "A test's.");
    shared_ = std::make_unique<BufferFilterFactory>(config);
    base::ServiceMap services;
    services.put(stats.block(1));
    factory_ = shared_->bind(services);
  }
  ~Chain() { chain.clear(); }

  // `length` negative: chunked.
  void request(int length, bool end_stream = false) {
    terminal = arena.create<http::FakeTerminal>(script, chain);
    begin(*terminal, length, end_stream);
  }
  void requestTo(http::Terminal& to, bool end_stream) { begin(to, -1, end_stream); }
  void end() {
    buffer::Buffer nothing(blocks);
    chain.requestBody(nothing, true);
  }
  uint64_t tooLarge() const { return stats.value(config.too_large); }

  stats::Store stats;
  BufferConfig config{};

 private:
  void begin(http::Terminal& to, int length, bool end_stream) {
    chain.addFilter(*factory_->create(arena));
    chain.setTerminal(to);
    request_head.method = "POST";
    request_head.authority = "example.com";
    request_head.path = "/";
    request_head.framing = end_stream   ? http::BodyFraming::kNone
                           : length < 0 ? http::BodyFraming::kChunked
                                        : http::BodyFraming::kContentLength;
    request_head.content_length = length < 0 ? 0 : static_cast<uint64_t>(length);
    chain.requestHead(end_stream);
  }

  std::unique_ptr<BufferFilterFactory> shared_;
  std::unique_ptr<http::WorkerHttpFilterFactory> factory_;
};

TEST(BufferFilter, TheRequestGoesOnAsAWhole) {
  for (const int length : {10, -1}) {
    Chain proxy;
    proxy.request(length);
    proxy.sendBody("01234", false);
    proxy.sendBody("56789", false);
    EXPECT_EQ(proxy.seen().line, "");
    proxy.end();
    EXPECT_EQ(proxy.seen().line, "POST example.com /");
    EXPECT_EQ(proxy.seen().body, "0123456789");
    EXPECT_TRUE(proxy.seen().complete);
    EXPECT_EQ(proxy.request_head.framing, http::BodyFraming::kContentLength);
    EXPECT_EQ(proxy.request_head.content_length, 10u);
    EXPECT_EQ(proxy.seen().headers, "content-length: 10\n");
    EXPECT_EQ(proxy.stats.value(proxy.config.bytes), 10u);
  }
}

TEST(BufferFilter, TrailersNeedChunks) {
  Chain proxy;
  proxy.request(-1);
  proxy.sendBody("0123", false);
  proxy.request_trailers.add("x-sum", "1");
  proxy.chain.requestTrailers();
  EXPECT_EQ(proxy.seen().body, "0123");
  EXPECT_EQ(proxy.seen().trailers, "x-sum: 1\n");
  EXPECT_EQ(proxy.request_head.framing, http::BodyFraming::kChunked);
}

TEST(BufferFilter, AnEmptyChunkedBody) {
  Chain proxy;
  proxy.request(-1);
  proxy.end();
  EXPECT_TRUE(proxy.seen().complete);
  EXPECT_EQ(proxy.request_head.framing, http::BodyFraming::kContentLength);
  EXPECT_EQ(proxy.request_head.content_length, 0u);
}

TEST(BufferFilter, TheLimitIsExact) {
  Chain fits(100);
  fits.request(-1);
  fits.sendBody(std::string(100, 'x'), true);
  EXPECT_EQ(fits.seen().body.size(), 100u);
  for (const int length : {101, -1}) {
    Chain proxy(100);
    proxy.request(length);
    if (length < 0) proxy.sendBody(std::string(60, 'x'), false);
    if (length < 0) proxy.sendBody(std::string(41, 'x'), false);
    EXPECT_EQ(proxy.client.status, 413);
    EXPECT_TRUE(proxy.chain.closeAfterResponse());
    proxy.clear();
    EXPECT_EQ(proxy.tooLarge(), 1u);
    EXPECT_EQ(proxy.script.requests.at(0).line, "");
  }
}

TEST(BufferFilter, WhatHasNoBodyOrNoEndPasses) {
  Chain proxy;
  proxy.request(-1, /*end_stream=*/true);
  EXPECT_TRUE(proxy.seen().complete);
  proxy.clear();
  proxy.request_head.upgrade = "websocket";
  proxy.request(-1);
  EXPECT_EQ(proxy.seen().line, "POST example.com /");
}

TEST(BufferFilter, AClientThatLeavesCountsForNothing) {
  Chain proxy;
  proxy.request(-1);
  proxy.sendBody("01", false);
  proxy.clear();
  EXPECT_EQ(proxy.tooLarge(), 0u);
  EXPECT_EQ(proxy.stats.value(proxy.config.requests), 0u);
}

TEST(BufferFilter, NoAllocationInTheSteadyState) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  Chain proxy(100'000);
  SilentTerminal terminal;
  uint64_t allocations = 0;
  for (int i = 0; i < 40; ++i) {
    buffer::Buffer body(proxy.blocks);
    body.append(std::string(50'000, 'x'));
    const test::AllocationCounter counter("");
    proxy.requestTo(terminal, i % 2 == 0);
    if (i % 2 != 0) proxy.chain.requestBody(body, true);
    proxy.clear();
    if (i >= 20) allocations += counter.count();
  }
  EXPECT_EQ(allocations, 0u);
}

}  // namespace
}  // namespace weir::extensions::http_filters::buffer_
