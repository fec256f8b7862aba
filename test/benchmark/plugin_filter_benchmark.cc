// What one exchange costs more for a filter in its chain: none, a built-in one that does nothing, a
// plugin's that does nothing with both heads, and one that looks a header up.

#include <chrono>
#include <memory>

#include "benchmark/benchmark.h"

#include "source/http/filter_chain.h"
#include "source/network/io_context.h"
#include "source/plugin/kinds/http_filter.h"
#include "source/stats/stats.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/plugin/kinds/test_plugin.h"

namespace weir::plugin {
namespace {

int32_t pass(void*, weir_http_stream*, int32_t) {
  return WEIR_CONTINUE;
}

const weir_host* the_host = nullptr;

int32_t look(void*, weir_http_stream* stream, int32_t) {
  weir_str value;
  the_host->headers_get(the_host->http->headers(stream, WEIR_REQUEST_HEADERS), str("x-none"),
                        &value);
  return WEIR_CONTINUE;
}

class Sink final : public http::ResponseSink {
 public:
  void sendInformational(http::ResponseHead&) override {}
  void sendHead(http::ResponseHead&, bool) override {}
  void sendBody(buffer::Buffer&, bool) override {}
  void sendTrailers(http::HeaderMap&) override {}
  void sendReset(const http::StreamError&) override {}
  void setRequestReadEnabled(bool) override {}
  void clearRouteCache() override {}
  const http::Route* resolveRoute() override { return nullptr; }
};

// Answers each request at once.
class Answer final : public http::Terminal {
 public:
  explicit Answer(http::FilterChain& chain) : chain_(chain) {}
  void onRequestHead(http::RequestHead&, bool) override { chain_.respondHead(true); }
  void onRequestBody(buffer::Buffer&, bool) override {}
  void onRequestTrailers(http::HeaderMap&) override {}
  void onResponseBlocked(bool) override {}
  void onStreamEnd() override {}

 private:
  http::FilterChain& chain_;
};

class BuiltIn final : public http::HttpFilter {};

weir_http_filter filterWith(int32_t (*on_head)(void*, weir_http_stream*, int32_t)) {
  weir_http_filter filter{};
  filter.kind = kindHead<weir_http_filter>(WEIR_HTTP_FILTER, "measured");
  filter.state_size = 64;
  filter.on_request_head = on_head;
  filter.on_response_head = on_head;
  return filter;
}

enum Filter : int64_t { kNone, kBuiltIn, kPass, kLook };

void exchange(benchmark::State& state) {
  event::FakeDispatcher dispatcher;
  network::IoContext io(dispatcher, 0);
  stats::Store store;
  base::ServiceMap services;
  services.put<event::Dispatcher>(dispatcher);
  services.put(io);
  services.put(store);
  services.put(store.block(1));
  static Plugin& plugin = testPlugin();
  the_host = plugin.host();
  const weir_http_filter raw = filterWith(state.range(0) == kLook ? look : pass);
  const Kind kind(plugin, &raw.kind, "http_filters", ConfigType::plainText("http_filters", "m"));
  HttpFilterWorker worker(kind, raw, nullptr, services);

  http::RequestHead request;
  http::ResponseHead response;
  http::HeaderMap request_trailers{request.arena};
  http::HeaderMap response_trailers{response.arena};
  http::StreamInfo info;
  base::Arena arena;
  Sink sink;
  http::FilterChain chain({request, response, request_trailers, response_trailers, info, arena,
                           dispatcher, io.blocks()},
                          sink);
  Answer answer(chain);
  for (auto _ : state) {
    switch (state.range(0)) {
      case kNone:
        break;
      case kBuiltIn:
        chain.addFilter(*arena.create<BuiltIn>());
        break;
      default:
        chain.addFilter(*worker.create(arena));
    }
    chain.setTerminal(answer);
    chain.requestHead(true);
    chain.end();
    chain.clear();
    arena.clear();
  }
}
BENCHMARK(exchange)->Arg(kNone)->Arg(kBuiltIn)->Arg(kPass)->Arg(kLook);

}  // namespace
}  // namespace weir::plugin

BENCHMARK_MAIN();
