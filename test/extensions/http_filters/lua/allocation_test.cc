// Exchanges with a script cost no allocation but those of the objects that Lua gets.
#include <gtest/gtest.h>

#include <string>

#include "test/extensions/http_filters/lua/lua_chain.h"
#include "test/support/allocation_counter.h"

namespace weir::extensions::http_filters::lua {
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

constexpr uint64_t kCounted = 200;
constexpr uint64_t kNowAndThen = 3;  // Lua's table of strings, a trace

// Allocations of kCounted exchanges, once the first ones are over.
uint64_t allocations(LuaChain& proxy, std::string_view script) {
  EXPECT_EQ(proxy.load(script), "");
  proxy.client.record = false;
  SilentTerminal terminal;
  buffer::Buffer request(proxy.blocks);
  buffer::Buffer response(proxy.blocks);
  uint64_t sum = 0;
  for (int i = 0; i < 200 + static_cast<int>(kCounted); ++i) {
    request.append("the body of the request");
    response.append("the body of the response");
    const test::AllocationCounter counter("");
    proxy.begin(terminal, {{"x-tag", "a"}, {"content-length", "23"}});
    proxy.chain.requestBody(request, true);
    http::ResponseHead& head = proxy.response_head;
    head.status = 200;
    head.framing = http::BodyFraming::kChunked;
    proxy.chain.respondHead(false);
    proxy.chain.respondBody(response, true);
    EXPECT_TRUE(proxy.client.ended);
    proxy.clear();
    if (i >= 200) sum += counter.count();
  }
  return sum;
}

// What Lua allocates for itself: the stream handle and the header object, in each direction.
TEST(LuaAllocation, TwoHandlesInEachDirection) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  LuaChain proxy;
  EXPECT_LE(allocations(proxy, R"(
    function envoy_on_request(handle)
      local h = handle:headers()
      h:replace("x-tag", h:get("x-tag"))
      h:add("x-new", "1")
    end
    function envoy_on_response(handle)
      handle:headers():add("x-seen", "1")
    end)"),
            kCounted * 4 + kNowAndThen);
}

// A stream handle in each direction, the body, the iterator, the piece.
TEST(LuaAllocation, OneHandleForABodyAndForAPiece) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  LuaChain proxy;
  EXPECT_LE(allocations(proxy, R"(
    function envoy_on_request(handle)
      handle:body():setBytes("another body")
    end
    function envoy_on_response(handle)
      for chunk in handle:bodyChunks() do chunk:length() end
    end)"),
            kCounted * 5 + kNowAndThen);
}

}  // namespace
}  // namespace weir::extensions::http_filters::lua
