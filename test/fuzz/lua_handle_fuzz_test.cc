// Random orders of calls on the handles of a script, as the input says: each byte is a call in the
// script of one direction, or an event of the exchange. Held to: no crash, no yield that is lost,
// nothing kept when the stream is over.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "test/extensions/http_filters/lua/lua_chain.h"
#include "test/fuzz/entry_point.h"

namespace {

using weir::extensions::http_filters::lua::LuaChain;

// The script reads its calls from a list that the host sets for each input: `calls`, a string.
constexpr char kScript[] = R"lua(
local target = {[":method"] = "GET", [":path"] = "/", [":authority"] = "a"}
local objects, last = {}, nil
local function keep(object) last = object objects[#objects + 1] = object end
local function old(n) return objects[n % (#objects + 1)] or last end
local steps = {
  function(h) keep(h:headers()) end,
  function(h) keep(h:body()) end,
  function(h) keep(h:body(true)) end,
  function(h) keep(h:trailers()) end,
  function(h) iterator = h:bodyChunks() keep(iterator) end,
  function(h) keep(iterator()) end,
  function(h) for c in h:bodyChunks() do keep(c) end end,
  function(h) h:httpCall("c", target, "q", 5) end,
  function(h) h:httpCall("c", target, nil, {asynchronous = true}) end,
  function(h) h:httpCall("c", {}, nil, 5) end,
  function(h) h:respond({[":status"] = "403", a = {"b", "c"}}, "no") end,
  function(h, n) old(n):get("a") end,
  function(h, n) old(n):add("a", "b") end,
  function(h, n) old(n):replace(":path", "/" .. n) end,
  function(h, n) old(n):replace(":status", tostring(n)) end,
  function(h, n) old(n):remove("a") end,
  function(h, n) old(n):remove("content-length") end,
  function(h, n) for k, v in pairs(old(n)) do keep(k) end end,
  function(h, n) for k, v in pairs(old(n)) do break end end,
  function(h, n) old(n):setBytes(("x"):rep(n)) end,
  function(h, n) old(n):getBytes(n, n) end,
  function(h, n) old(n):length() end,
  function(h, n) return old(n) == old(n + 1) end,
  function(h, n) keep(h) end,
  function(h, n) old(n):headers() end,
  function(h, n) old(n):body() end,
  function(h, n) old(n)() end,
  function(h, n) string.gsub("a", "a", function() h:body() end) end,
  function(h, n) coroutine.wrap(function() h:trailers() end)() end,
  function(h, n) coroutine.yield() end,
  function(h, n) keep(h:metadata()) h:filterContext() h:clearRouteCache() end,
  function(h, n) keep(h:streamInfo()) keep(h:connection()) end,
  function(h, n) h:base64Escape(tostring(n)) h:timestampString(n) end,
  function(h, n) collectgarbage() end,
}
function run(handle, salt)
  local calls = handle:headers():get("calls") or ""
  for i = salt, #calls, 2 do
    local byte = calls:byte(i)
    local step = steps[byte % #steps + 1]
    if byte >= 200 then step(handle, byte) else pcall(step, handle, byte) end
  end
end
function envoy_on_request(handle) run(handle, 1) end
function envoy_on_response(handle) run(handle, 2) end
)lua";

// Bytes that a header value may have, with the same remainder.
std::string visible(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += static_cast<char>(byte < 0x80 ? 0x21 + byte % 0x5e : byte);
  }
  return text;
}

void step(LuaChain& proxy, unsigned byte, unsigned& stage) {
  auto& calls = proxy.calls.calls;
  switch (byte % 8) {
    case 0:
    case 1:
      return proxy.sendBody(std::string(byte, 'q'), byte % 3 == 0);
    case 2:
      return proxy.sendTrailers({{"t", "u"}});
    case 3:
      if (!proxy.arrived() || proxy.script.current == nullptr || stage != 0) return;
      stage = 1;
      return proxy.answer(200, {{"calls", proxy.request_head.headers.get("calls")}}, byte % 5 == 0);
    case 4:
      if (proxy.script.current == nullptr || stage == 0) return;
      return proxy.answerBody(std::string(byte, 'r'), byte % 3 == 0);
    case 5:
      if (proxy.script.current == nullptr || stage == 0) return;
      return proxy.answerTrailers({{"v", "w"}});
    case 6:
      if (!calls.empty() && calls.back()->open()) proxy.calls.answer(*calls.back(), 200, "ok");
      return;
    default:
      if (!calls.empty() && calls.back()->open()) proxy.calls.fail(*calls.back());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 512) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  LuaChain proxy;
  if ((data[0] & 1) != 0) proxy.config.on_error = weir::lua::OnError::kContinue;
  if (const std::string wrong = proxy.load(kScript); !wrong.empty()) {
    std::fprintf(stderr, "the script: %s\n", wrong.c_str());
    std::abort();
  }
  const size_t half = size / 2;
  const std::string calls = visible(bytes.substr(1, half));
  for (int exchange = 0; exchange < 2; ++exchange) {
    proxy.request({{"calls", calls}}, (data[0] & 2) != 0);
    unsigned stage = 0;
    for (size_t i = half; i < size && !proxy.client.ended && proxy.client.reset.empty(); ++i) {
      step(proxy, data[i], stage);
    }
  }
  proxy.clear();
  for (const auto& call : proxy.calls.calls) {
    if (call->open()) std::abort();
  }
  if (proxy.blocks.bytesInUse() != 0) std::abort();
  return 0;
}
