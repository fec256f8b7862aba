// What a script costs a request: the chain with and without the filter, and its calls on headers.
#include <benchmark/benchmark.h>

#include <memory>
#include <string_view>

#include "extensions/http_filters/lua/bindings.h"
#include "extensions/http_filters/lua/lua.h"
#include "source/http/filter_chain.h"
#include "source/lua/script.h"
#include "test/fakes/fake_dispatcher.h"

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
    services_.put<event::Dispatcher>(dispatcher_);
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
    if (worker_ != nullptr) chain_.addFilter(*worker_->create(arena_));
    chain_.setTerminal(server_);
    request_.method = "GET";
    request_.authority = "example.com";
    request_.path = "/path?q=1";
    request_.headers.addView(http::HeaderId::kHost, "Host", "example.com");
    request_.headers.addView(http::HeaderId::kUserAgent, "User-Agent", "benchmark");
    request_.headers.addView(http::HeaderId::kOther, "X-Old", "1");
    chain_.requestHead(true);
    response_.status = 200;
    response_.framing = http::BodyFraming::kContentLength;
    response_.content_length = kBody.size();
    if (body) {
      chain_.respondHead(false);
      buffer::Buffer data(blocks_);
      data.append(kBody);
      chain_.respondBody(data, true);
    } else {
      chain_.respondHead(true);
    }
    chain_.end();
    chain_.clear();
    request_.clear();
    response_.clear();
    arena_.clear();
  }

 private:
  static constexpr std::string_view kBody =
      "a body of sixty-four bytes, as small answers of services have it";
  stats::Store stats_;
  event::FakeDispatcher dispatcher_;
  base::ServiceMap services_;
  buffer::BlockPool blocks_;
  http::RequestHead request_;
  http::ResponseHead response_;
  http::HeaderMap request_trailers_{request_.arena};
  http::HeaderMap response_trailers_{response_.arena};
  http::StreamInfo info_;
  base::Arena arena_;
  Client client_;
  Server server_;
  http::FilterChain chain_{{.request = request_,
                            .response = response_,
                            .request_trailers = request_trailers_,
                            .response_trailers = response_trailers_,
                            .info = info_,
                            .arena = arena_,
                            .dispatcher = dispatcher_,
                            .blocks = blocks_},
                           client_};
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
