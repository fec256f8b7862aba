// What a change of one of many endpoints costs: the main thread, which computes the host set, and
// each worker, which adopts it.

#include <memory>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"

#include "source/upstream/eligibility.h"
#include "test/upstream/host_list.h"
#include "test/upstream/test_cluster.h"

namespace weir::upstream {
namespace {

HostList endpoints(int64_t count, int64_t priorities = 1, int64_t localities = 1) {
  HostList hosts;
  for (int64_t i = 0; i < count; ++i) {
    const std::string ip =
        "10.0." + std::to_string(i / 250) + "." + std::to_string(1 + i % 250) + ":80";
    hosts.add({.id = ip,
               .address = *network::Address::parse(ip),
               .weight = static_cast<uint32_t>(1 + i % 7),
               .priority = static_cast<uint32_t>(i % priorities),
               .locality = "zone" + std::to_string(i % localities)},
              i % 11 == 0 ? Health::kUnhealthy : Health::kHealthy);
  }
  return hosts;
}

void eligibleOfAll(benchmark::State& state) {
  const HostList hosts = endpoints(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(eligible(1, hosts.list()));
}
BENCHMARK(eligibleOfAll)->Arg(10)->Arg(1000)->Arg(10'000)->Unit(benchmark::kMicrosecond);

void eligibleByLocality(benchmark::State& state) {
  const HostList hosts = endpoints(state.range(0), 3, 10);
  const EligibilityPolicy policy{.locality_mode = LocalityMode::kPreferOwn,
                                 .own_locality = "zone3"};
  for (auto _ : state) benchmark::DoNotOptimize(eligible(1, hosts.list(), policy));
}
BENCHMARK(eligibleByLocality)->Arg(1000)->Unit(benchmark::kMicrosecond);

// The last of them comes and goes, or the first.
void adoptOneMore(benchmark::State& state) {
  TestProcess process;
  TestWorker worker(process);
  std::vector<HostSet::Host> all = endpoints(state.range(0)).list();
  std::vector<HostSet::Host> less(all.begin() + state.range(1), all.end() - 1 + state.range(1));
  worker.clusters.apply({process.config({})});
  uint64_t version = 1;
  for (auto _ : state) {
    state.PauseTiming();
    ++version;
    const auto next = eligible(version, version % 2 == 0 ? all : less);
    state.ResumeTiming();
    worker.clusters.updateHosts("c", next);
  }
}
BENCHMARK(adoptOneMore)->Args({1000, 0})->Args({1000, 1})->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace weir::upstream

BENCHMARK_MAIN();
