#include <memory>
#include <vector>

#include "benchmark/benchmark.h"

#include "extensions/load_balancing/prequal/prequal.h"
#include "source/http/message.h"
#include "test/upstream/test_hosts.h"

namespace weir::upstream {
namespace {

namespace prequal = extensions::load_balancing::prequal;

std::vector<uint32_t> weights(size_t count, bool equal) {
  std::vector<uint32_t> weights(count, 1);
  for (size_t i = 0; i < count && !equal; ++i) weights[i] = 1 + static_cast<uint32_t>(i * 7 % 100);
  return weights;
}

void observed(benchmark::State& state, bool equal) {
  base::Random random(1);
  const auto hosts = hostsOf(weights(static_cast<size_t>(state.range(0)), equal));
  FakeLoads loads(hosts->hosts.size());
  prequal::Prequal balancer({.random = random}, {}, nullptr, nullptr);
  adopt(balancer, *hosts, loads);
  PickContext context;
  context.now = event::MonotonicTime(std::chrono::hours(1));
  uint32_t i = 0;
  for (auto _ : state) {
    context.now += std::chrono::microseconds(50);
    const Pick pick = balancer.pick(context);
    loads.counts[pick.host] = ++i & 7;
    balancer.onResponse(pick.host, std::chrono::microseconds(100 + (i & 255)), true, context.now);
    benchmark::DoNotOptimize(pick.host);
  }
}

void prequalObserved(benchmark::State& state) {
  observed(state, true);
}
BENCHMARK(prequalObserved)->Arg(2)->Arg(16)->Arg(100)->Arg(1000);

void prequalObservedWeighted(benchmark::State& state) {
  observed(state, false);
}
BENCHMARK(prequalObservedWeighted)->Arg(1000);

// Notes how many are wanted.
class Probers final : public prequal::ProberFactory {
 public:
  struct Counter final : prequal::Prober {
    explicit Counter(uint32_t& w) : wanted(w) {}
    void want(uint32_t probes) override { wanted += probes; }
    uint32_t& wanted;
  };
  std::unique_ptr<prequal::Prober> create(const BalancerContext&,
                                          prequal::ProbeOwner&) const override {
    return std::make_unique<Counter>(wanted);
  }
  mutable uint32_t wanted = 0;
};

// The pick alone: as many answers as wanted come in between.
void prequalProbed(benchmark::State& state) {
  base::Random random(1);
  const auto count = static_cast<uint32_t>(state.range(0));
  const auto hosts = hostsOf(weights(count, true));
  FakeLoads loads(count);
  Probers probers;
  prequal::Prequal balancer({.random = random}, {}, nullptr, &probers);
  adopt(balancer, *hosts, loads);
  http::RequestHead head;
  PickContext context;
  context.request = &head;
  context.now = event::MonotonicTime(std::chrono::hours(1));
  const auto answer = [&] {
    balancer.onProbe(static_cast<uint32_t>(random.uniform(count)),
                     {prequal::ProbeResult::kAnswered, random.uniform(8), 1000}, context.now);
  };
  for (int i = 0; i < 100; ++i) answer();
  const bool answers = state.range(1) != 0;
  for (auto _ : state) {
    context.now += std::chrono::microseconds(50);
    const Pick pick = balancer.pick(context);
    benchmark::DoNotOptimize(pick.host);
    for (; answers && probers.wanted > 0; --probers.wanted) answer();
  }
}
// With all answers worked in, and with none: then chance decides.
BENCHMARK(prequalProbed)->Args({100, 1})->Args({1000, 1})->Args({1000, 0});

// What a worker pays when the host set changes.
void prequalNewHostSet(benchmark::State& state) {
  base::Random random(1);
  const auto hosts = hostsOf(weights(1000, false));
  FakeLoads loads(1000);
  prequal::Prequal balancer({.random = random}, {}, nullptr, nullptr);
  for (auto _ : state) adopt(balancer, *hosts, loads);
}
BENCHMARK(prequalNewHostSet);

}  // namespace
}  // namespace weir::upstream

BENCHMARK_MAIN();
