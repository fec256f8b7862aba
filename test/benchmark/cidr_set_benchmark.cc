#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "source/base/concat.h"
#include "source/network/cidr_set.h"

namespace weir::network {
namespace {

// IPv4 prefixes of 12 to 32 bits, as on block lists; half of what is asked for is in one of them.
void find(benchmark::State& state) {
  std::mt19937 random(1);
  std::vector<CidrSet::Entry> entries;
  std::vector<Address> probes;
  while (entries.size() < static_cast<size_t>(state.range(0))) {
    const uint32_t length = 12 + random() % 21;
    const uint32_t bits = static_cast<uint32_t>(random()) & ~uint32_t{0} << (32 - length);
    const std::string ip =
        base::concat(bits >> 24, ".", bits >> 16 & 255, ".", bits >> 8 & 255, ".", bits & 255);
    const auto prefix = Prefix::parse(base::concat(ip, "/", length));
    entries.push_back({*prefix, static_cast<uint32_t>(entries.size())});
    if (probes.size() < 4096) probes.push_back(*Address::parse(ip + ":1"));
  }
  while (probes.size() < 8192) {
    const auto byte = [&random] { return random() % 256; };
    probes.push_back(
        *Address::parse(base::concat(byte(), ".", byte(), ".", byte(), ".", byte(), ":1")));
  }
  std::shuffle(probes.begin(), probes.end(), random);
  const CidrSet set(entries);
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(set.find(probes[i]));
    i = i + 1 == probes.size() ? 0 : i + 1;
  }
  state.counters["bytes"] = static_cast<double>(set.memoryBytes());
}
BENCHMARK(find)->Arg(1)->Arg(1000)->Arg(100'000);

}  // namespace
}  // namespace weir::network

BENCHMARK_MAIN();
