// Calls cost no allocation: the filter lives in the stream's arena, bytes in the pool's blocks.
#include <gtest/gtest.h>

#include <string>

#include "test/extensions/http_filters/grpc_web/grpc_web_fixture.h"
#include "test/support/allocation_counter.h"

namespace weir::extensions::http_filters::grpc_web {
namespace {

// Takes requests and keeps nothing of them. Worker-confined.
class SilentTerminal final : public http::Terminal {
 public:
  void onRequestHead(http::RequestHead&, bool) override {}
  void onRequestBody(buffer::Buffer& data, bool) override { data.clear(); }
  void onRequestTrailers(http::HeaderMap&) override {}
  void onResponseBlocked(bool) override {}
  void onStreamEnd() override {}
};

TEST(GrpcWebAllocation, NoneInTheSteadyState) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  GrpcWebChain proxy;
  proxy.client.record = false;
  SilentTerminal terminal;
  const std::string question = toBase64(message(std::string(3000, 'q')));
  const std::string answer = message(std::string(20'000, 'a'));
  for (const std::string_view type : {"application/grpc-web", "application/grpc-web-text"}) {
    uint64_t allocations = 0;
    for (int i = 0; i < 60; ++i) {
      buffer::Buffer request(proxy.blocks);
      request.append(type == "application/grpc-web" ? answer : question);
      buffer::Buffer response(proxy.blocks);
      response.append(answer);
      const test::AllocationCounter counter("");
      proxy.begin(type, terminal);
      proxy.chain.requestBody(request, true);
      http::ResponseHead& head = proxy.response_head;
      head.status = 200;
      head.framing = http::BodyFraming::kChunked;
      head.headers.addView(http::HeaderId::kContentType, "content-type", "application/grpc");
      proxy.chain.respondHead(false);
      proxy.chain.respondBody(response, false);
      proxy.response_trailers.addView(http::HeaderId::kOther, "grpc-status", "0");
      proxy.chain.respondTrailers();
      EXPECT_TRUE(proxy.client.ended);
      proxy.clear();
      if (i >= 30) allocations += counter.count();
    }
    EXPECT_EQ(allocations, 0u) << type;
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_web
