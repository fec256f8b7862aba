#include "test/extensions/http_filters/lua/lua_chain.h"

#include "source/base/concat.h"

namespace weir::extensions::http_filters::lua {
LuaChain::LuaChain() {
  services.put<event::Dispatcher>(dispatcher);
  services.put(stats);
  services.put(stats.block(1));
  services.put<router::HttpCalls>(calls);
  config.name = "test";
  config.entry_points = entryPointNames();
  config.modules = {std::make_shared<LuaModule>()};
}

std::string LuaChain::load(std::string_view text) {
  clear();
  worker.reset();
  config.text = std::string(text);
  auto loaded = weir::lua::Script::load(config, stats);
  if (!loaded.ok()) return std::string(base::view(loaded.status().message()));
  settings.script = *std::move(loaded);
  factory = std::make_unique<LuaFilterFactory>(settings);
  worker = factory->bind(services);
  return "";
}

void LuaChain::request(List fields, bool end) {
  clear();
  terminal = arena.create<http::FakeTerminal>(script, chain);
  begin(*terminal, fields, end);
}

void LuaChain::begin(http::Terminal& to, List fields, bool end) {
  chain.addFilter(*worker->create(arena));
  chain.setTerminal(to);
  request_head.method = method;
  request_head.scheme = "http";
  request_head.authority = "example.com";
  request_head.path = "/path?q=1";
  request_head.framing = end ? http::BodyFraming::kNone : http::BodyFraming::kChunked;
  for (const auto& [name, value] : fields) {
    request_head.headers.add(name, value);
    if (name != "content-length") continue;
    request_head.framing = http::BodyFraming::kContentLength;
    request_head.content_length = std::stoul(std::string(value));
  }
  chain.requestHead(end);
}

void LuaChain::sendTrailers(List fields) {
  for (const auto& [name, value] : fields) request_trailers.add(name, value);
  chain.requestTrailers();
}

void LuaChain::answer(uint16_t status, List fields, bool end, http::BodyFraming framing,
                      uint64_t length) {
  http::ResponseHead& head = terminal->begin(status, framing, length);
  for (const auto& [name, value] : fields) head.headers.add(name, value);
  chain.respondHead(end);
}

void LuaChain::clear() {
  RecordedChain::clear();
  const http::Route* const route = client.route;
  const bool record = client.record;
  if (record) client = {};
  client.ended = false;
  client.record = record;
  client.route = route;
}

}  // namespace weir::extensions::http_filters::lua
