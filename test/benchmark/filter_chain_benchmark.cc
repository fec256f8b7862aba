// What an exchange costs by the number of filters that do nothing, what one costs whose calls are
// counted, and what it costs to remember an exchange.

#include <memory>
#include <vector>

#include "benchmark/benchmark.h"

#include "source/http/filter_chain.h"
#include "source/http/metered_filter.h"
#include "source/http/recent_requests.h"
#include "source/network/io_context.h"
#include "source/stats/stats.h"
#include "test/fakes/fake_dispatcher.h"

namespace weir::http {
namespace {

class Sink final : public ResponseSink {
 public:
  void sendInformational(ResponseHead&) override {}
  void sendHead(ResponseHead&, bool) override {}
  void sendBody(buffer::Buffer&, bool) override {}
  void sendTrailers(HeaderMap&) override {}
  void sendReset(const StreamError&) override {}
  void setRequestReadEnabled(bool) override {}
  void clearRouteCache() override {}
  const Route* resolveRoute() override { return nullptr; }
};

// Answers each request at once.
class Answer final : public Terminal {
 public:
  explicit Answer(FilterChain& chain) : chain_(chain) {}
  void onRequestHead(RequestHead&, bool) override { chain_.respondHead(true); }
  void onRequestBody(buffer::Buffer&, bool) override {}
  void onRequestTrailers(HeaderMap&) override {}
  void onResponseBlocked(bool) override {}
  void onStreamEnd() override {}

 private:
  FilterChain& chain_;
};

class PassThrough final : public HttpFilter {};

class PassThroughFactory final : public HttpFilterFactory {
 public:
  std::unique_ptr<WorkerHttpFilterFactory> bind(base::ServiceMap&) const override {
    struct Bound final : WorkerHttpFilterFactory {
      HttpFilter* create(base::Arena& arena) override { return arena.create<PassThrough>(); }
    };
    return std::make_unique<Bound>();
  }
};

void run(benchmark::State& state, bool metered) {
  event::FakeDispatcher dispatcher;
  network::IoContext io(dispatcher, 0);
  stats::Store store;
  base::ServiceMap services;
  services.put<event::Dispatcher>(dispatcher);
  services.put(store);
  services.put(store.block(1));
  std::shared_ptr<const HttpFilterFactory> factory = std::make_shared<PassThroughFactory>();
  if (metered) {
    factory = std::make_shared<MeteredFilterFactory>(
        factory, FilterStatistics::create(store, "bench", "pass"));
  }
  const std::unique_ptr<WorkerHttpFilterFactory> worker = factory->bind(services);
  RequestHead request;
  ResponseHead response;
  HeaderMap request_trailers{request.arena};
  HeaderMap response_trailers{response.arena};
  StreamInfo info;
  base::Arena arena;
  Sink sink;
  FilterChain chain({request, response, request_trailers, response_trailers, info, arena,
                     dispatcher, io.blocks()},
                    sink);
  Answer answer(chain);
  for (auto _ : state) {
    for (int64_t i = 0; i < state.range(0); ++i) chain.addFilter(*worker->create(arena));
    chain.setTerminal(answer);
    chain.requestHead(true);
    chain.end();
    chain.clear();
    arena.clear();
  }
}

void passThrough(benchmark::State& state) {
  run(state, /*metered=*/false);
}
BENCHMARK(passThrough)->Arg(0)->Arg(1)->Arg(5)->Arg(10);

void passThroughCounted(benchmark::State& state) {
  run(state, /*metered=*/true);
}
BENCHMARK(passThroughCounted)->Arg(1)->Arg(5);

void rememberExchange(benchmark::State& state) {
  RecentRequests recent;
  recent.setCapacity(1024);
  RequestHead request;
  request.method = "GET";
  request.authority = "shop.example";
  request.path = "/catalogue/shoes?size=42&colour=brown";
  const network::Address client = *network::Address::parse("192.0.2.7:1234");
  const network::Address endpoint = *network::Address::parse("10.0.0.1:80");
  StreamInfo info;
  info.request_id = "5f1c7cf0-8f2e-4bd6-9d5b-1e63f3a6a7a1";
  info.cluster = "catalogue";
  info.status = 200;
  info.downstream_remote = &client;
  info.upstream_address = &endpoint;
  for (auto _ : state) recent.add(request, info, {});
}
BENCHMARK(rememberExchange);

}  // namespace
}  // namespace weir::http

BENCHMARK_MAIN();
