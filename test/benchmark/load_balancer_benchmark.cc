#include <vector>

#include "benchmark/benchmark.h"

#include "extensions/load_balancing/least_request/least_request.h"
#include "extensions/load_balancing/round_robin/round_robin.h"
#include "test/upstream/test_hosts.h"

namespace weir::upstream {
namespace {

using extensions::load_balancing::least_request::LeastRequest;
using extensions::load_balancing::least_request::LeastRequestOptions;
using extensions::load_balancing::round_robin::RoundRobin;

std::vector<uint32_t> weights(size_t count, bool equal) {
  std::vector<uint32_t> weights(count, 1);
  for (size_t i = 0; i < count && !equal; ++i) weights[i] = 1 + static_cast<uint32_t>(i * 7 % 100);
  return weights;
}

void pickAll(benchmark::State& state, Algorithm& balancer, const HostSet& hosts) {
  FakeLoads loads(hosts.hosts.size());
  adopt(balancer, hosts, loads);
  uint32_t i = 0;
  for (auto _ : state) {
    const Pick pick = balancer.pick({});
    loads.counts[pick.host] = ++i & 7;
    benchmark::DoNotOptimize(pick.host);
  }
}

void roundRobinEqual(benchmark::State& state) {
  base::Random random(1);
  RoundRobin balancer(random);
  pickAll(state, balancer, *hostsOf(weights(static_cast<size_t>(state.range(0)), true)));
}
BENCHMARK(roundRobinEqual)->Arg(2)->Arg(100)->Arg(1000);

void roundRobinWeighted(benchmark::State& state) {
  base::Random random(1);
  RoundRobin balancer(random);
  pickAll(state, balancer, *hostsOf(weights(static_cast<size_t>(state.range(0)), false)));
}
BENCHMARK(roundRobinWeighted)->Arg(2)->Arg(100)->Arg(1000);

void leastRequest(benchmark::State& state) {
  base::Random random(1);
  LeastRequest balancer(random, LeastRequestOptions{});
  pickAll(state, balancer, *hostsOf(weights(static_cast<size_t>(state.range(0)), false)));
}
BENCHMARK(leastRequest)->Arg(2)->Arg(16)->Arg(100)->Arg(1000);

// What a worker pays when the host set changes.
void roundRobinNewHostSet(benchmark::State& state) {
  base::Random random(1);
  RoundRobin balancer(random);
  const auto hosts = hostsOf(weights(1000, false));
  FakeLoads loads(1000);
  for (auto _ : state) adopt(balancer, *hosts, loads);
}
BENCHMARK(roundRobinNewHostSet);

}  // namespace
}  // namespace weir::upstream

BENCHMARK_MAIN();
