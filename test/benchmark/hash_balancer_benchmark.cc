// What hashing algorithms cost: a pick, and a change of the endpoints on the main thread and on a
// worker; and, as counters, how keys are spread and how many move.

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "benchmark/benchmark.h"

#include "extensions/load_balancing/maglev/maglev.h"
#include "extensions/load_balancing/ring_hash/ring_hash.h"
#include "extensions/load_balancing/source_ip_hash/source_ip_hash.h"
#include "source/base/hash.h"
#include "source/http/message.h"
#include "source/upstream/hash_policy.h"
#include "test/upstream/test_hosts.h"

namespace weir::upstream {
namespace {

using extensions::load_balancing::maglev::MaglevFactory;
using extensions::load_balancing::maglev::MaglevOptions;
using extensions::load_balancing::ring_hash::RingHashFactory;
using extensions::load_balancing::source_ip_hash::SourceIpHashFactory;

std::shared_ptr<HostSet> hosts(size_t count, size_t gone = ~size_t{0}) {
  const auto all = hostsOf(std::vector<uint32_t>(count, 1));
  std::vector<HostSet::Host> list = all->hosts;
  if (gone < count) list[gone].health = Health::kDisabled;
  return eligible(2, std::move(list));
}

// A balancer of one worker with `count` endpoints, as the proxy has it.
struct Worker {
  Worker(const AlgorithmFactory& factory, std::shared_ptr<HostSet> set)
      : hosts(std::move(set)), loads(hosts->hosts.size()) {
    factory.prepare(*hosts, {});
    balancer = factory.create({.random = random});
    balancer->onHostSet(*hosts, loads);
  }
  uint32_t pick(uint64_t key) {
    PickContext context;
    context.hash = key;
    return balancer->pick(context).host;
  }
  base::Random random{1};
  std::shared_ptr<HostSet> hosts;
  FakeLoads loads;
  std::unique_ptr<LoadBalancer> balancer;
};

void pick(benchmark::State& state, const AlgorithmFactory& factory) {
  Worker worker(factory, hosts(static_cast<size_t>(state.range(0))));
  uint64_t key = 1;
  for (auto _ : state) {
    key += 0x9e3779b97f4a7c15;
    benchmark::DoNotOptimize(worker.pick(base::mix64(key)));
  }
}

void pickSourceIpHash(benchmark::State& state) {
  pick(state, SourceIpHashFactory());
}
void pickMaglev(benchmark::State& state) {
  pick(state, MaglevFactory());
}
void pickRingHash(benchmark::State& state) {
  pick(state, RingHashFactory());
}
void pickRingHashOneProbe(benchmark::State& state) {
  pick(state, RingHashFactory({.points_per_weight = 1024, .probes = 1}));
}
BENCHMARK(pickSourceIpHash)->Arg(10)->Arg(1000);
BENCHMARK(pickMaglev)->Arg(10)->Arg(1000);
BENCHMARK(pickRingHash)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK(pickRingHashOneProbe)->Arg(10)->Arg(1000);

// With a bound the sum of the loads has to be known: here it is added up for each pick.
void pickMaglevBounded(benchmark::State& state) {
  pick(state, MaglevFactory({.bounded_load_percent = 125}));
}
BENCHMARK(pickMaglevBounded)->Arg(10)->Arg(100);

// Off the workers.
void prepare(benchmark::State& state, const AlgorithmFactory& factory) {
  const auto set = hosts(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(factory.prepareGroup(*set, set->groups.front()));
  }
}
void prepareMaglev(benchmark::State& state) {
  prepare(state, MaglevFactory());
}
void prepareRingHash(benchmark::State& state) {
  prepare(state, RingHashFactory());
}
BENCHMARK(prepareMaglev)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK(prepareRingHash)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);

// What a worker pays when one of 1000 endpoints comes.
void adopt(benchmark::State& state, const AlgorithmFactory& factory) {
  Worker worker(factory, hosts(1000));
  const auto before = hosts(1000, 500);
  factory.prepare(*before, {});
  for (auto _ : state) {
    worker.balancer->onHostSet(*before, worker.loads);
    worker.balancer->onHostSet(*worker.hosts, worker.loads);
  }
}
void adoptMaglevTwice(benchmark::State& state) {
  adopt(state, MaglevFactory());
}
void adoptRingHashTwice(benchmark::State& state) {
  adopt(state, RingHashFactory());
}
void adoptSourceIpHashTwice(benchmark::State& state) {
  adopt(state, SourceIpHashFactory());
}
BENCHMARK(adoptMaglevTwice)->Unit(benchmark::kMicrosecond);
BENCHMARK(adoptRingHashTwice)->Unit(benchmark::kMicrosecond);
BENCHMARK(adoptSourceIpHashTwice)->Unit(benchmark::kMicrosecond);

// Not how long, but how well: the largest and smallest share in relation to the mean, and what part
// of the keys moves when one of the endpoints goes (or comes back, which is the same).
void spread(benchmark::State& state, const AlgorithmFactory& factory) {
  const auto count = static_cast<size_t>(state.range(0));
  const size_t keys = std::max<size_t>(100'000, count * 20'000);
  for (auto _ : state) {
    Worker worker(factory, hosts(count)), fewer(factory, hosts(count, count / 2));
    std::vector<double> counts(count);
    double moved = 0;
    for (size_t i = 0; i < keys; ++i) {
      const uint64_t key = base::mix64(i * 0x9e3779b97f4a7c15 + 1);
      const uint32_t host = worker.pick(key);
      ++counts[host];
      moved += host != fewer.pick(key) ? 1 : 0;
    }
    const double mean = static_cast<double>(keys) / static_cast<double>(count);
    state.counters["largest"] = *std::max_element(counts.begin(), counts.end()) / mean;
    state.counters["smallest"] = *std::min_element(counts.begin(), counts.end()) / mean;
    state.counters["moved_%"] = moved * 100 / static_cast<double>(keys);
  }
}
void spreadMaglev(benchmark::State& state) {
  spread(state, MaglevFactory());
}
void spreadRingHash(benchmark::State& state) {
  spread(state, RingHashFactory());
}
void spreadRingHashOneProbe(benchmark::State& state) {
  spread(state, RingHashFactory({.points_per_weight = 160, .probes = 1}));
}
void spreadSourceIpHash(benchmark::State& state) {
  spread(state, SourceIpHashFactory());
}
BENCHMARK(spreadMaglev)->Arg(2)->Arg(10)->Arg(100)->Arg(1000)->Iterations(1);
BENCHMARK(spreadRingHash)->Arg(2)->Arg(10)->Arg(100)->Arg(1000)->Iterations(1);
BENCHMARK(spreadRingHashOneProbe)->Arg(10)->Arg(100)->Iterations(1);
BENCHMARK(spreadSourceIpHash)->Arg(2)->Arg(10)->Arg(100)->Iterations(1);

// What the hash of a request costs.
void hashOfRequest(benchmark::State& state, HashKey::Kind kind, std::string name) {
  http::RequestHead head;
  head.path = "/shop/cart?lang=en&user=0123456789abcdef";
  head.headers.add(http::HeaderId::kUserAgent, "benchmark");
  head.headers.add(http::HeaderId::kCookie, "theme=dark; session=0123456789abcdef; lang=en");
  head.headers.add("x-user", "0123456789abcdef");
  const network::Address source = *network::Address::parse("192.0.2.1:1000");
  PickContext context;
  context.request = &head;
  context.source = &source;
  const HashPolicy policy({{.kind = kind, .name = std::move(name)}});
  for (auto _ : state) benchmark::DoNotOptimize(policy.hash(context));
}
BENCHMARK_CAPTURE(hashOfRequest, source, HashKey::Kind::kSourceAddress, "");
BENCHMARK_CAPTURE(hashOfRequest, header, HashKey::Kind::kHeader, "x-user");
BENCHMARK_CAPTURE(hashOfRequest, cookie, HashKey::Kind::kCookie, "session");
BENCHMARK_CAPTURE(hashOfRequest, query, HashKey::Kind::kQueryParameter, "user");

}  // namespace
}  // namespace weir::upstream

BENCHMARK_MAIN();
