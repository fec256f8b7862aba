// What a hit costs: no memory from the heap, once everything has been used before.
#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <string>

#include "test/extensions/http_filters/cache/cache_fixture.h"
#include "test/support/allocation_counter.h"

namespace weir::extensions::http_filters::cache {
namespace {

// The client's end of a chain that is used again and again; counts what comes.
class Client final : public http::ResponseSink {
 public:
  explicit Client(TestWorker& worker)
      : worker_(worker),
        chain_({.request = request_,
                .response = response_,
                .request_trailers = request_trailers_,
                .response_trailers = response_trailers_,
                .info = info_,
                .arena = arena_,
                .dispatcher = worker.dispatcher,
                .blocks = worker.io.blocks()},
               *this) {}

  void ask(std::string_view path) {
    request_.method = "GET";
    request_.scheme = "http";
    request_.authority = "example.com";
    request_.path = path;
    request_.headers.addView(http::HeaderId::kHost, "host", "example.com");
    chain_.addFilter(*worker_.filters->create(arena_));
    chain_.requestHead(true);
    chain_.end();
    chain_.clear();
    request_.clear();
    response_.clear();
    arena_.clear();
    info_ = {};
  }
  size_t bytes = 0;

 private:
  void sendInformational(http::ResponseHead&) override {}
  void sendHead(http::ResponseHead&, bool) override {}
  void sendBody(buffer::Buffer& data, bool) override {
    bytes += data.size();
    data.clear();
  }
  void sendTrailers(http::HeaderMap&) override {}
  void sendReset(const http::StreamError&) override {}
  void setRequestReadEnabled(bool) override {}
  void clearRouteCache() override {}
  const http::Route* resolveRoute() override { return nullptr; }

  TestWorker& worker_;
  http::RequestHead request_;
  http::ResponseHead response_;
  http::HeaderMap request_trailers_{request_.arena};
  http::HeaderMap response_trailers_{response_.arena};
  http::StreamInfo info_;
  base::Arena arena_;
  http::FilterChain chain_;
};

TEST(CacheAllocation, AHitTakesNoMemory) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  ::prctl(PR_SET_NAME, "hits");
  CacheFixture cache;
  cache.answer({.headers = {{"Cache-Control", "max-age=100"}, {"Content-Type", "text/plain"}},
                .body = std::string(100'000, 'x')});
  cache.get("/large");
  cache.answer({.headers = {{"Cache-Control", "max-age=100"}}, .body = "small"});
  cache.get("/small");
  Client client(*cache.worker);
  for (int i = 0; i < 10; ++i) {
    client.ask("/large");
    client.ask("/small");
  }
  client.bytes = 0;
  const test::AllocationCounter counter("hits");
  for (int i = 0; i < 100; ++i) {
    client.ask("/large");
    client.ask("/small");
  }
  EXPECT_EQ(client.bytes, 100u * 100'005);
  if (counter.count() > 0) counter.printStacks();
  EXPECT_EQ(counter.count(), 0u);
}

}  // namespace
}  // namespace weir::extensions::http_filters::cache
