// Scripts made of random calls, messages in random pieces, answers to calls at random moments, ends
// at any of them: nothing crashes or stays behind, and what a script leaves alone arrives whole.
#include <string>

#include "gtest/gtest.h"

#include "source/base/random.h"
#include "test/extensions/http_filters/lua/lua_chain.h"

namespace weir::extensions::http_filters::lua {
namespace {

constexpr const char* kSteps[] = {
    "handle:body()",
    "handle:body(true)",
    "local b = handle:body(true) b:setBytes(b:getBytes(0, b:length()))",
    "for c in handle:bodyChunks() do c:length() end",
    "for c in handle:bodyChunks() do handle:httpCall('c', target, nil, 5) end",
    "for c in handle:bodyChunks() do break end",
    "handle:trailers()",
    "local t = handle:trailers() if t then t:add('t', 'u') end",
    "handle:httpCall('c', target, 'q', 5)",
    "handle:httpCall('c', target, 'q', 5, true)",
    "handle:headers():add('a', 'b')",
    "handle:headers():replace(':path', '/b')",
    "for k, v in pairs(handle:headers()) do end",
    "kept = handle",
    "kept:headers()",
    "pcall(string.gsub, 'a', 'a', function() handle:body() end)",
    "coroutine.wrap(function() handle:headers() coroutine.yield() end)()",
    "collectgarbage()",
};
constexpr const char* kEnds[] = {"error('x')", "handle:respond({[':status'] = '403'}, 'no')",
                                 "handle:clearRouteCache()"};

template <size_t n>
const char* pick(base::Random& random, const char* const (&from)[n]) {
  return from[random.uniform(n)];
}

std::string randomScript(base::Random& random) {
  std::string script = "target = {[':method']='GET', [':path']='/', [':authority']='a'}\n";
  for (const char* name : {"envoy_on_request", "envoy_on_response"}) {
    script += std::string("function ") + name + "(handle)\n";
    for (uint64_t i = random.uniform(5); i > 0; --i) {
      const std::string step = pick(random, kSteps);
      script +=
          random.uniform(3) == 0 ? "do " + step + " end\n" : "pcall(function() " + step + " end)\n";
    }
    if (random.uniform(4) == 0) script += std::string("do ") + pick(random, kEnds) + " end\n";
    script += "end\n";
  }
  return script;
}

// One exchange, moved on by random events.
class Exchange {
 public:
  Exchange(LuaChain& proxy, base::Random& random) : proxy_(proxy), random_(random) {}

  void run() {
    const bool end = random_.uniform(4) == 0;
    proxy_.request({}, end);
    request_left_ = end ? 0 : 1 + random_.uniform(4);
    for (int i = 0; i < 40 && !proxy_.client.ended && proxy_.client.reset.empty(); ++i) {
      step();
      if (random_.uniform(60) == 0) return proxy_.clear();
    }
  }

 private:
  void step() {
    switch (random_.uniform(4)) {
      case 0:
        return sendRequest();
      case 1:
        return sendResponse();
      default:
        return answerCall();
    }
  }
  void sendRequest() {
    if (request_left_ == 0) return;
    const bool trailers = --request_left_ == 0 && random_.uniform(2) == 0;
    if (trailers) return proxy_.sendTrailers({{"x", "y"}});
    proxy_.sendBody(std::string(random_.uniform(3) * 1000, 'q'), request_left_ == 0);
  }
  void sendResponse() {
    if (proxy_.script.current == nullptr) return;
    if (!answered_) {
      if (!proxy_.arrived()) return;
      answered_ = true;
      const bool end = random_.uniform(4) == 0;
      response_left_ = end ? 0 : 1 + random_.uniform(4);
      return proxy_.answer(200, {}, end);
    }
    if (response_left_ == 0) return;
    const bool trailers = --response_left_ == 0 && random_.uniform(2) == 0;
    if (trailers) return proxy_.answerTrailers({{"x", "y"}});
    proxy_.answerBody(std::string(random_.uniform(3) * 1000, 'r'), response_left_ == 0);
  }
  void answerCall() {
    for (auto& call : proxy_.calls.calls) {
      if (!call->open()) continue;
      if (random_.uniform(3) == 0) return proxy_.calls.fail(*call);
      return proxy_.calls.answer(*call, 200, "answer");
    }
  }

  LuaChain& proxy_;
  base::Random& random_;
  uint64_t request_left_ = 0;
  uint64_t response_left_ = 0;
  bool answered_ = false;
};

TEST(LuaProperty, RandomScriptsOnRandomExchanges) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE(seed);
    base::Random random(seed);
    LuaChain proxy;
    if (random.uniform(2) == 0) proxy.config.on_error = weir::lua::OnError::kContinue;
    const std::string script = randomScript(random);
    ASSERT_EQ(proxy.load(script), "") << script;
    for (int i = 0; i < 8; ++i) Exchange(proxy, random).run();
    proxy.clear();
    for (const auto& call : proxy.calls.calls) EXPECT_FALSE(call->open());
    EXPECT_EQ(proxy.blocks.bytesInUse(), 0u) << script;
  }
}

TEST(LuaProperty, WhatIsLeftAloneArrivesWhole) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    base::Random random(seed);
    LuaChain proxy;
    const char* const waits[] = {"handle:body()", "for c in handle:bodyChunks() do c:length() end",
                                 "handle:trailers()", "handle:httpCall('c', target, nil, 5)",
                                 "for c in handle:bodyChunks() do "
                                 "handle:httpCall('c', target, nil, 5) end"};
    std::string script =
        "target = {[':method']='GET', [':path']='/', [':authority']='a'}\n"
        "function envoy_on_request(handle)\n";
    for (uint64_t i = random.uniform(4); i > 0; --i) {
      script += std::string("pcall(function() ") + pick(random, waits) + " end)\n";
    }
    ASSERT_EQ(proxy.load(script + "end\n"), "");
    proxy.request();
    std::string sent;
    const bool trailers = random.uniform(2) == 0;
    for (uint64_t pieces = 1 + random.uniform(5); pieces > 0; --pieces) {
      const std::string piece(random.uniform(5) * 100, static_cast<char>('a' + pieces));
      sent += piece;
      proxy.sendBody(piece, pieces == 1 && !trailers);
      if (random.uniform(2) == 0 && !proxy.calls.calls.empty() && proxy.calls.last().open()) {
        proxy.calls.answer(proxy.calls.last(), 200);
      }
    }
    if (trailers) proxy.sendTrailers({{"t", "u"}});
    while (!proxy.calls.calls.empty() && proxy.calls.last().open()) {
      proxy.calls.answer(proxy.calls.last(), 200);
    }
    EXPECT_EQ(proxy.seen().body, sent) << script;
    EXPECT_TRUE(proxy.seen().complete) << script;
    EXPECT_EQ(proxy.seen().trailers, trailers ? "t: u\n" : "");
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::lua
