// What a pick costs a worker that a script makes: one that only answers, one that looks at two
// endpoints, one that compares all. Beside them the fallback alone, by a script that says nil.

#include "benchmark/benchmark.h"

#include "test/extensions/load_balancing/lua/lua_worker.h"

namespace weir::extensions::load_balancing::lua {
namespace {

constexpr std::string_view kNil = "function choose() end";
constexpr std::string_view kConstant = "function choose() return 1 end";
constexpr std::string_view kTwoChoices = R"lua(
local random = math.random
function choose(endpoints)
  local n = #endpoints
  local a, b = random(n), random(n)
  if endpoints:inFlight(b) < endpoints:inFlight(a) then return b end
  return a
end)lua";
constexpr std::string_view kLeastOfAll = R"lua(
function choose(endpoints)
  local best, load = nil, math.huge
  for i = 1, #endpoints do
    local own = endpoints:inFlight(i)
    if own < load then best, load = i, own end
  end
  return best
end)lua";

void pick(benchmark::State& state, std::string_view script) {
  LuaWorker worker(script);
  const auto hosts = static_cast<size_t>(state.range(0));
  worker.use(upstream::hostsOf(std::vector<uint32_t>(hosts, 1)));
  for (size_t i = 0; i < hosts; ++i) worker.loads->counts[i] = static_cast<uint32_t>(i * 7 % 5);
  const upstream::PickContext context;
  for (auto _ : state) benchmark::DoNotOptimize(worker.pick(context));
  state.counters["errors"] = static_cast<double>(worker.metric("lua_errors_total"));
  state.counters["state_bytes"] = static_cast<double>(worker.metric("lua_memory_bytes"));
}

BENCHMARK_CAPTURE(pick, nil, kNil)->Arg(10);
BENCHMARK_CAPTURE(pick, constant, kConstant)->Arg(10);
BENCHMARK_CAPTURE(pick, two_choices, kTwoChoices)->Arg(10)->Arg(1000);
BENCHMARK_CAPTURE(pick, least_of_all, kLeastOfAll)->Arg(10)->Arg(100);

}  // namespace
}  // namespace weir::extensions::load_balancing::lua

BENCHMARK_MAIN();
