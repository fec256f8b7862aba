#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

#include "extensions/http_filters/lua/bindings.h"
#include "extensions/http_filters/lua/lua.h"
#include "source/lua/script.h"
#include "test/fakes/fake_http_calls.h"
#include "test/http/recorded_chain.h"

namespace weir::extensions::http_filters::lua {

// A chain with the filter alone between a client's side and a fake terminal. Worker-confined.
class LuaChain : public http::RecordedChain {
 public:
  using List = Fields;

  // What is wrong with the script, or "". Before the first request.
  std::string load(std::string_view script);
  // A POST with a body to come, unless `end`.
  void request(List fields = {}, bool end = false);
  // The same with this terminal.
  void begin(http::Terminal& terminal, List fields = {}, bool end = false);
  void sendTrailers(List fields);
  void answer(uint16_t status, List fields = {}, bool end = false,
              http::BodyFraming framing = http::BodyFraming::kChunked, uint64_t length = 0);
  // Ends the stream; the chain takes another.
  void clear();

  bool arrived() const { return !seen().line.empty(); }
  int64_t metric(std::string_view name) { return stats.valueOf(name, {{"script", "test"}}); }

  stats::Store stats;
  base::ServiceMap services;
  router::FakeHttpCalls calls;
  weir::lua::ScriptConfig config;
  LuaSettings settings;
  std::string method = "POST";
  std::unique_ptr<LuaFilterFactory> factory;
  std::unique_ptr<http::WorkerHttpFilterFactory> worker;

  LuaChain();
  ~LuaChain() { clear(); }
};

}  // namespace weir::extensions::http_filters::lua
