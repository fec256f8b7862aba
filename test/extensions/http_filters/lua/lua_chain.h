#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "extensions/http_filters/lua/bindings.h"
#include "extensions/http_filters/lua/lua.h"
#include "source/http/filter_chain.h"
#include "source/lua/script.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/fakes/fake_http_calls.h"
#include "test/fakes/fake_terminal.h"

namespace weir::extensions::http_filters::lua {

// What reached the client. Worker-confined.
class ClientSide final : public http::ResponseSink {
 public:
  void sendInformational(http::ResponseHead&) override { ++informational; }
  void sendHead(http::ResponseHead& head, bool end) override;
  void sendBody(buffer::Buffer& data, bool end) override;
  void sendTrailers(http::HeaderMap& fields) override;
  void sendReset(const http::StreamError& error) override { reset = error.detail(); }
  void setRequestReadEnabled(bool enabled) override { reading = enabled; }
  void clearRouteCache() override { ++cleared; }
  const http::Route* resolveRoute() override { return route; }

  int status = 0;
  std::string reason;
  int informational = 0;
  http::BodyFraming framing = http::BodyFraming::kNone;
  uint64_t content_length = 0;
  std::string headers;  // "name: value\n"…
  std::string body;
  std::string trailers;
  bool record = true;
  bool ended = false;
  bool reading = true;
  int cleared = 0;
  std::string reset;
  const http::Route* route = nullptr;
};

// A chain with the filter alone between a client's side and a fake terminal. Worker-confined.
class LuaChain {
 public:
  using List = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // What is wrong with the script, or "". Before the first request.
  std::string load(std::string_view script);
  // A POST with a body to come, unless `end`.
  void request(List fields = {}, bool end = false);
  // The same with this terminal.
  void begin(http::Terminal& terminal, List fields = {}, bool end = false);
  void sendBody(std::string_view bytes, bool end);
  void sendTrailers(List fields);
  void answer(uint16_t status, List fields = {}, bool end = false,
              http::BodyFraming framing = http::BodyFraming::kChunked, uint64_t length = 0);
  void answerBody(std::string_view bytes, bool end) { terminal->send(bytes, end); }
  void answerTrailers(List fields);
  // Ends the stream; the chain takes another.
  void clear();

  const http::TerminalScript::Request& seen() const { return script.requests.back(); }
  bool arrived() const { return !seen().line.empty(); }
  int64_t metric(std::string_view name) { return stats.valueOf(name, {{"script", "test"}}); }

  stats::Store stats;
  event::FakeDispatcher dispatcher;
  base::ServiceMap services;
  router::FakeHttpCalls calls;
  weir::lua::ScriptConfig config;
  LuaSettings settings;
  std::string method = "POST";
  http::RequestHead request_head;
  http::ResponseHead response_head;
  http::HeaderMap request_trailers{request_head.arena};
  http::HeaderMap response_trailers{response_head.arena};
  http::StreamInfo info;
  base::Arena arena;
  buffer::BlockPool blocks;
  ClientSide client;
  http::TerminalScript script;
  http::FilterChain chain{{.request = request_head,
                           .response = response_head,
                           .request_trailers = request_trailers,
                           .response_trailers = response_trailers,
                           .info = info,
                           .arena = arena,
                           .dispatcher = dispatcher,
                           .blocks = blocks},
                          client};
  http::FakeTerminal* terminal = nullptr;
  std::unique_ptr<LuaFilterFactory> factory;
  std::unique_ptr<http::WorkerHttpFilterFactory> worker;

  LuaChain();
  ~LuaChain() { clear(); }
};

}  // namespace weir::extensions::http_filters::lua
