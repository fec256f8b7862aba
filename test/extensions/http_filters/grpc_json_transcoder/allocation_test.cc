// Streams that are none of the filter's cost no allocation.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "test/extensions/http_filters/grpc_json_transcoder/exchange.h"
#include "test/support/allocation_counter.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

// Takes the request and answers nothing.
class Swallow final : public http::Terminal {
 public:
  void onRequestHead(http::RequestHead&, bool) override {}
  void onRequestBody(buffer::Buffer& data, bool) override { data.clear(); }
  void onRequestTrailers(http::HeaderMap&) override {}
  void onResponseBlocked(bool) override {}
  void onStreamEnd() override {}
};

TEST(TranscoderAllocations, NoneForWhatPasses) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  Exchange x({.auto_mapping = true});
  base::ServiceMap services;
  const auto factory = GrpcJsonTranscoderFilterFactory(shelves()).bind(services);
  Swallow terminal;
  size_t allocations = 0;
  const std::pair<std::string_view, std::string_view> requests[] = {
      {"GET", "/other"},
      {"GET", "/v1/shelves/1/books/2/pages/3?x=1"},
      {"PUT", "/v1/shelves/1/books/2:move"},
      {"POST", "/shop.Shelves/GetBook"},
  };
  for (int i = 0; i < 40; ++i) {
    x.chain.clear();
    x.arena.clear();
    const test::AllocationCounter counter("");
    x.chain.addFilter(*factory->create(x.arena));
    x.chain.setTerminal(terminal);
    x.request.method = requests[i % 4].first;
    x.request.path = requests[i % 4].second;
    x.chain.requestHead(true);
    x.chain.end();
    if (i >= 10) allocations += counter.count();
  }
  EXPECT_EQ(allocations, 0u);
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_json_transcoder
