#include <benchmark/benchmark.h>

#include <array>
#include <string_view>

#include "source/http/header_map.h"

namespace weir::http {
namespace {

constexpr std::array<std::string_view, 12> kNames = {
    "Host",         "User-Agent",   "Accept",     "Accept-Language", "Accept-Encoding",
    "Referer",      "Cookie",       "Connection", "sec-fetch-dest",  "sec-fetch-mode",
    "X-Request-Id", "Cache-Control"};

void recogniseName(benchmark::State& state) {
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(headerId(kNames[i]));
    i = i + 1 == kNames.size() ? 0 : i + 1;
  }
}
BENCHMARK(recogniseName);

// The fields of a browser's request: put in, looked at as the proxy does, changed, thrown away.
void fillLookUpAndClear(benchmark::State& state) {
  base::Arena arena;
  HeaderMap map(arena);
  for (auto _ : state) {
    map.clear();
    arena.clear();
    for (const std::string_view name : kNames) map.addView(headerId(name), name, "value");
    benchmark::DoNotOptimize(map.get(HeaderId::kHost));
    benchmark::DoNotOptimize(map.has(HeaderId::kXForwardedFor));
    benchmark::DoNotOptimize(map.get("sec-fetch-mode"));
    map.remove(HeaderId::kConnection);
    map.set(HeaderId::kXRequestId, "0123456789abcdef");
    map.add(HeaderId::kXForwardedFor, "192.0.2.1");
  }
}
BENCHMARK(fillLookUpAndClear);

}  // namespace
}  // namespace weir::http

BENCHMARK_MAIN();
