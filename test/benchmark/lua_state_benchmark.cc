// What entering Lua costs, and how much memory a state has before it does anything.
#include <benchmark/benchmark.h>

#include "source/event/uv_dispatcher.h"
#include "source/lua/binding.h"
#include "source/lua/worker_script.h"
#include "source/stats/stats.h"

namespace weir::lua {
namespace {

constexpr std::string_view kScript = R"lua(
function empty() end
function work(text)
  local n = 0
  if text:sub(1, 4) == "/api" then n = n + 1 end
  if text:find("admin", 1, true) then n = n + 2 end
  return n
end
local function square(x) return x * x end
function loop()
  local n = 0
  for i = 1, 1000 do n = n + square(i) end
  return n
end
)lua";

// A script on a thread with a real loop (for the clock).
struct Bench {
  explicit Bench(std::chrono::milliseconds cpu_time, bool compile_loops = false) {
    services.put<event::Dispatcher>(*dispatcher);
    services.put(store);
    services.put(store.block(1));
    ScriptConfig config;
    config.name = "bench";
    config.text = kScript;
    config.cpu_time = cpu_time;
    config.compile_loops = compile_loops;
    config.entry_points = {"empty", "work", "loop"};
    script = *Script::load(std::move(config), store);
    worker = std::make_unique<WorkerScript>(script, services);
  }

  std::unique_ptr<event::UvDispatcher> dispatcher = *event::UvDispatcher::create();
  stats::Store store;
  base::ServiceMap services;
  std::shared_ptr<Script> script;
  std::unique_ptr<WorkerScript> worker;
};

void runCoroutine(benchmark::State& run, Bench& bench, size_t function) {
  for (auto _ : run) {
    State& state = *bench.worker->state();
    Coroutine coroutine = state.coroutine();
    const Outcome outcome = coroutine.start(state.entryPoint(function), [](lua_State* L) {
      lua_pushliteral(L, "/api/v1/users/17?page=2");
      return 1;
    });
    benchmark::DoNotOptimize(outcome.progress);
  }
  run.counters["state_bytes"] = static_cast<double>(bench.worker->state()->memory().used());
}

void coroutineEmpty(benchmark::State& run) {
  Bench bench(std::chrono::milliseconds(100));
  runCoroutine(run, bench, 0);
}
void coroutineEmptyNoBudget(benchmark::State& run) {
  Bench bench(std::chrono::milliseconds(0));
  runCoroutine(run, bench, 0);
}
void coroutineWork(benchmark::State& run) {
  Bench bench(std::chrono::milliseconds(100));
  runCoroutine(run, bench, 1);
}
void loopInterpreted(benchmark::State& run) {
  Bench bench(std::chrono::milliseconds(100));
  runCoroutine(run, bench, 2);
}
void loopCompiled(benchmark::State& run) {
  Bench bench(std::chrono::milliseconds(100), true);
  runCoroutine(run, bench, 2);
}
void callEmpty(benchmark::State& run) {
  Bench bench(std::chrono::milliseconds(100));
  State& state = *bench.worker->state();
  for (auto _ : run) {
    const Outcome outcome = state.call(
        state.entryPoint(0), [](lua_State*) { return 0; }, [](lua_State*, int) {});
    benchmark::DoNotOptimize(outcome.progress);
  }
}
void makeState(benchmark::State& run) {
  Bench bench(std::chrono::milliseconds(100));
  for (auto _ : run) {
    WorkerScript worker(bench.script, bench.services);
    benchmark::DoNotOptimize(worker.state());
    run.counters["state_bytes"] = static_cast<double>(worker.state()->memory().used());
  }
}

BENCHMARK(coroutineEmpty);
BENCHMARK(coroutineEmptyNoBudget);
BENCHMARK(coroutineWork);
BENCHMARK(callEmpty);
BENCHMARK(loopInterpreted);
BENCHMARK(loopCompiled);
BENCHMARK(makeState);

}  // namespace
}  // namespace weir::lua

BENCHMARK_MAIN();
