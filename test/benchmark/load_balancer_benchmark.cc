#include <memory>
#include <vector>

#include "benchmark/benchmark.h"

#include "extensions/load_balancing/first/first.h"
#include "extensions/load_balancing/least_request/least_request.h"
#include "extensions/load_balancing/least_time/least_time.h"
#include "extensions/load_balancing/random/random.h"
#include "extensions/load_balancing/round_robin/round_robin.h"
#include "source/upstream/slow_start.h"
#include "test/upstream/test_hosts.h"

// What a pick costs a worker, through the load balancer that clusters have: groups, slow start and
// full endpoints included. Requests stay in flight for a while, so that loads differ, and an
// endpoint's load lies in memory of its own as it does in a worker.
namespace weir::upstream {
namespace {

using event::MonotonicTime;
using extensions::load_balancing::first::FirstFactory;
using extensions::load_balancing::least_request::LeastRequestFactory;
using extensions::load_balancing::least_request::LeastRequestOptions;
using extensions::load_balancing::least_time::LeastTimeFactory;
using extensions::load_balancing::random::RandomFactory;
using extensions::load_balancing::round_robin::RoundRobinFactory;

const MonotonicTime kStart = MonotonicTime() + std::chrono::hours(1);

std::vector<uint32_t> weights(size_t count, bool equal) {
  std::vector<uint32_t> weights(count, 1);
  for (size_t i = 0; i < count && !equal; ++i) weights[i] = 1 + static_cast<uint32_t>(i * 7 % 100);
  return weights;
}

// As many bytes as a worker has for an endpoint, wherever the allocator put them.
class ScatteredLoads final : public HostLoads {
 public:
  explicit ScatteredLoads(size_t hosts) {
    for (size_t i = 0; i < hosts; ++i) endpoints_.push_back(std::make_unique<Endpoint>());
  }
  uint32_t inFlight(uint32_t host) const override { return endpoints_[host]->in_flight; }
  bool full(uint32_t host) const override {
    const Endpoint& endpoint = *endpoints_[host];
    return endpoint.most != 0 && endpoint.in_flight >= endpoint.most;
  }
  uint32_t& inFlight(uint32_t host) { return endpoints_[host]->in_flight; }
  void limit(uint32_t host, uint32_t most) { endpoints_[host]->most = most; }

 private:
  struct Endpoint {
    char before[64];
    uint32_t in_flight = 0;
    uint32_t most = 0;
    char behind[100];
  };
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
};

struct Worker {
  Worker(const AlgorithmFactory& factory, const std::vector<uint32_t>& weights,
         bool slow_start = false)
      : loads(weights.size()),
        slow({.window = std::chrono::hours(slow_start ? 1 : 0)}),
        balancer(factory.create({.random = random, .slow_start = &slow})) {
    std::vector<HostSet::Host> list = hostsOf(weights)->hosts;
    for (size_t i = 0; slow_start && i < list.size(); i += 10) list[i].serving_since = kStart;
    hosts = makeHostSet(1, std::move(list), {}, factory);
    balancer->onHostSet(*hosts, loads);
    running.resize(4 * weights.size());
    for (uint32_t& host : running) host = begin();
  }
  uint32_t begin() {
    PickContext context;
    context.now = now;
    const Pick pick = balancer->pick(context);
    ++loads.inFlight(pick.host);
    return pick.host;
  }
  void turn() {
    uint32_t& host = running[next];
    next = next + 1 == running.size() ? 0 : next + 1;
    --loads.inFlight(host);
    host = begin();
    now += std::chrono::microseconds(20);
  }

  base::Random random{1};
  ScatteredLoads loads;
  SlowStart slow;
  std::shared_ptr<const HostSet> hosts;
  std::unique_ptr<LoadBalancer> balancer;
  std::vector<uint32_t> running;
  size_t next = 0;
  MonotonicTime now = kStart;
};

void pickAll(benchmark::State& state, const AlgorithmFactory& factory, bool equal,
             bool slow_start = false) {
  Worker worker(factory, weights(static_cast<size_t>(state.range(0)), equal), slow_start);
  for (auto _ : state) worker.turn();
}

template <class Factory>
void equalWeights(benchmark::State& state) {
  pickAll(state, Factory(), true);
}
template <class Factory>
void differentWeights(benchmark::State& state) {
  pickAll(state, Factory(), false);
}
template <class Factory>
void slowStartOfATenth(benchmark::State& state) {
  pickAll(state, Factory(), true, true);
}

// With responses, which is where the algorithm has work besides picking.
void leastTimeFeedback(benchmark::State& state) {
  Worker worker(LeastTimeFactory(), weights(static_cast<size_t>(state.range(0)), true));
  base::Random random(2);
  for (auto _ : state) {
    const uint32_t host = worker.running[worker.next];
    worker.balancer->onResponse(
        host, std::chrono::microseconds(900 + static_cast<int>(random.next() >> 56)), true,
        worker.now);
    worker.turn();
  }
}

// Fills the first half, and goes on behind it.
void firstOfHalfFull(benchmark::State& state) {
  const FirstFactory factory;
  const auto count = static_cast<uint32_t>(state.range(0));
  Worker worker(factory, weights(count, true));
  for (uint32_t host = 0; host < count; ++host) {
    worker.loads.limit(host, 8);
    worker.loads.inFlight(host) = host < count / 2 ? 8 : 0;
  }
  PickContext context;
  for (auto _ : state) benchmark::DoNotOptimize(worker.balancer->pick(context));
}

// Nine in ten are full, and the algorithm does not know.
void roundRobinMostFull(benchmark::State& state) {
  Worker worker(RoundRobinFactory(), weights(static_cast<size_t>(state.range(0)), true));
  for (uint32_t host = 0; host < state.range(0); ++host) {
    if (host % 10 != 0) worker.loads.limit(host, 1);
    worker.loads.inFlight(host) = 1;
  }
  PickContext context;
  for (auto _ : state) benchmark::DoNotOptimize(worker.balancer->pick(context));
}

// What a worker pays when one of its endpoints has gone and another one has come.
template <class Factory>
void newHostSet(benchmark::State& state) {
  const Factory factory;
  Worker worker(factory, weights(static_cast<size_t>(state.range(0)), false));
  std::vector<HostSet::Host> other = worker.hosts->hosts;
  other.erase(other.begin() + 5);
  auto added = std::make_shared<Endpoint>();
  added->id = "added";
  other.push_back({std::move(added)});
  const auto second = makeHostSet(2, std::move(other), {}, factory);
  for (uint32_t host = 0; host < state.range(0); ++host) {
    worker.balancer->onResponse(host, std::chrono::milliseconds(1), true, kStart);
  }
  bool turn = false;
  for (auto _ : state) {
    turn = !turn;
    worker.balancer->onHostSet(turn ? *second : *worker.hosts, worker.loads);
  }
}

// What the main thread pays for the table of the workers.
void prepareAliasTable(benchmark::State& state) {
  const RandomFactory factory;
  auto hosts = *hostsOf(weights(static_cast<size_t>(state.range(0)), false));
  for (auto _ : state) factory.prepare(hosts, {});
}

BENCHMARK(equalWeights<RoundRobinFactory>)->Name("round_robin/equal")->Arg(2)->Arg(100)->Arg(1000);
BENCHMARK(differentWeights<RoundRobinFactory>)
    ->Name("round_robin/weighted")
    ->Arg(2)
    ->Arg(100)
    ->Arg(1000);
BENCHMARK(equalWeights<RandomFactory>)->Name("random/equal")->Arg(2)->Arg(100)->Arg(1000);
BENCHMARK(differentWeights<RandomFactory>)->Name("random/weighted")->Arg(2)->Arg(100)->Arg(1000);
BENCHMARK(equalWeights<LeastRequestFactory>)
    ->Name("least_request/equal")
    ->Arg(2)
    ->Arg(8)
    ->Arg(100)
    ->Arg(1000);
BENCHMARK(differentWeights<LeastRequestFactory>)
    ->Name("least_request/weighted")
    ->Arg(2)
    ->Arg(8)
    ->Arg(100)
    ->Arg(1000);
BENCHMARK(equalWeights<LeastTimeFactory>)
    ->Name("least_time/equal")
    ->Arg(2)
    ->Arg(8)
    ->Arg(100)
    ->Arg(1000);
BENCHMARK(differentWeights<LeastTimeFactory>)->Name("least_time/weighted")->Arg(100)->Arg(1000);
BENCHMARK(leastTimeFeedback)->Name("least_time/pick_and_response")->Arg(8)->Arg(1000);
BENCHMARK(firstOfHalfFull)->Name("first/half_full")->Arg(2)->Arg(100)->Arg(1000);
BENCHMARK(roundRobinMostFull)->Name("round_robin/most_full")->Arg(1000);
BENCHMARK(slowStartOfATenth<RoundRobinFactory>)->Name("round_robin/slow_start")->Arg(1000);
BENCHMARK(slowStartOfATenth<LeastRequestFactory>)->Name("least_request/slow_start")->Arg(1000);
BENCHMARK(newHostSet<RoundRobinFactory>)->Name("round_robin/new_host_set")->Arg(1000);
BENCHMARK(newHostSet<RandomFactory>)->Name("random/new_host_set")->Arg(1000);
BENCHMARK(newHostSet<LeastRequestFactory>)->Name("least_request/new_host_set")->Arg(1000);
BENCHMARK(newHostSet<LeastTimeFactory>)->Name("least_time/new_host_set")->Arg(1000);
BENCHMARK(newHostSet<FirstFactory>)->Name("first/new_host_set")->Arg(1000);
BENCHMARK(prepareAliasTable)->Name("alias_table")->Arg(1000);

}  // namespace
}  // namespace weir::upstream

BENCHMARK_MAIN();
