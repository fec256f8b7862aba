// What a script costs a request: the chain with and without the filter, and its calls on headers.
#include <benchmark/benchmark.h>

#include <memory>
#include <string_view>

#include "extensions/http_filters/lua/bindings.h"
#include "extensions/http_filters/lua/lua.h"
#include "source/lua/script.h"
#include "test/http/recorded_chain.h"

namespace {

using namespace weir;
namespace lua_filter = extensions::http_filters::lua;

struct Client final : http::ResponseSink {
  void sendInformational(http::ResponseHead&) override {}
  void sendHead(http::ResponseHead&, bool) override {}
  void sendBody(buffer::Buffer& data, bool) override { data.clear(); }
  void sendTrailers(http::HeaderMap&) override {}
  void sendReset(const http::StreamError&) override {}
  void setRequestReadEnabled(bool) override {}
  void clearRouteCache() override {}
  const http::Route* resolveRoute() override { return nullptr; }
};

struct Server final : http::Terminal {
  void onRequestHead(http::RequestHead&, bool) override {}
  void onRequestBody(buffer::Buffer& data, bool) override { data.clear(); }
  void onRequestTrailers(http::HeaderMap&) override {}
  void onResponseBlocked(bool) override {}
  void onStreamEnd() override {}
};

// One worker with a script; requests run through it.
class Proxy {
 public:
  explicit Proxy(std::string_view script) {
    services_.put<event::Dispatcher>(parts_.dispatcher);
    services_.put(stats_);
    services_.put(stats_.block(1));
    if (script.empty()) return;
    weir::lua::ScriptConfig config;
    config.name = "benchmark";
    config.text = std::string(script);
    config.entry_points = lua_filter::entryPointNames();
    config.modules = {std::make_shared<lua_filter::LuaModule>()};
    auto loaded = weir::lua::Script::load(std::move(config), stats_);
    lua_filter::LuaSettings settings;
    settings.script = *std::move(loaded);
    factory_ = std::make_unique<lua_filter::LuaFilterFactory>(std::move(settings));
    worker_ = factory_->bind(services_);
  }

  void exchange(bool body) {
    if (worker_ != nullptr) parts_.chain.addFilter(*worker_->create(parts_.arena));
    parts_.chain.setTerminal(server_);
    parts_.request_head.method = "GET";
    parts_.request_head.authority = "example.com";
    parts_.request_head.path = "/path?q=1";
    parts_.request_head.headers.addView(http::HeaderId::kHost, "Host", "example.com");
    parts_.request_head.headers.addView(http::HeaderId::kUserAgent, "User-Agent", "benchmark");
    parts_.request_head.headers.addView(http::HeaderId::kOther, "X-Old", "1");
    parts_.chain.requestHead(true);
    parts_.response_head.status = 200;
    parts_.response_head.framing = http::BodyFraming::kContentLength;
    parts_.response_head.content_length = kBody.size();
    if (body) {
      parts_.chain.respondHead(false);
      buffer::Buffer data(parts_.blocks);
      data.append(kBody);
      parts_.chain.respondBody(data, true);
    } else {
      parts_.chain.respondHead(true);
    }
    parts_.clear();
  }

 private:
  static constexpr std::string_view kBody =
      "a body of sixty-four bytes, as small answers of services have it";
  stats::Store stats_;
  base::ServiceMap services_;
  Client client_;
  Server server_;
  http::BareChain parts_{client_};
  std::unique_ptr<lua_filter::LuaFilterFactory> factory_;
  std::unique_ptr<http::WorkerHttpFilterFactory> worker_;
};

void run(benchmark::State& state, std::string_view script, bool body = false) {
  Proxy proxy(script);
  for (auto _ : state) proxy.exchange(body);
}

void noFilter(benchmark::State& state) {
  run(state, "");
}
void emptyScript(benchmark::State& state) {
  run(state, "function envoy_on_request(handle) end");
}
void headers(benchmark::State& state) {
  run(state, R"(
    function envoy_on_request(handle)
      local h = handle:headers()
      h:replace("x-tag", h:get("user-agent"))
    end)");
}
// Ten of each, to tell the calls from what surrounds them.
void manyHeaders(benchmark::State& state) {
  run(state, R"(
    function envoy_on_request(handle)
      local h = handle:headers()
      h:replace("x-a", h:get("user-agent")) h:replace("x-a", h:get("user-agent"))
      h:replace("x-a", h:get("user-agent")) h:replace("x-a", h:get("user-agent"))
      h:replace("x-a", h:get("user-agent")) h:replace("x-a", h:get("user-agent"))
      h:replace("x-a", h:get("user-agent")) h:replace("x-a", h:get("user-agent"))
      h:replace("x-a", h:get("user-agent")) h:replace("x-a", h:get("user-agent"))
    end)");
}
void body(benchmark::State& state) {
  run(state, R"(
    function envoy_on_response(handle)
      local b = handle:body()
      b:setBytes(b:getBytes(0, b:length()) .. "!")
    end)",
      true);
}

BENCHMARK(noFilter);
BENCHMARK(emptyScript);
BENCHMARK(headers);
BENCHMARK(manyHeaders);
BENCHMARK(body);

}  // namespace

BENCHMARK_MAIN();
