// What stickiness costs for each request: a find in the shared table with a million bindings, from
// one thread and from four, and the reading and making of a signed cookie.

#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "extensions/stickiness/cookie/cookie_seal.h"
#include "source/base/random.h"
#include "source/upstream/sticky_table.h"

namespace weir::upstream {
namespace {

constexpr uint64_t kEntries = 1'000'000;

event::MonotonicTime at(int64_t milliseconds) {
  return event::MonotonicTime(std::chrono::milliseconds(milliseconds));
}

StickyTable& fullTable() {
  static StickyTable* const table = [] {
    auto* const made = new StickyTable({.max_entries = 1'200'000}, 7, at(0));
    const auto usage = std::make_shared<EndpointUsage>();
    for (uint64_t i = 0; i < kEntries; ++i) made->put(made->keyOf(i), 1 + i % 10, usage, at(0));
    for (uint64_t i = 0; i < kEntries; ++i) made->find(made->keyOf(i), at(0));
    return made;
  }();
  return *table;
}

// All of a million clients come in turn.
void findAnyOfAMillion(benchmark::State& state) {
  StickyTable& table = fullTable();
  base::Random random(static_cast<uint64_t>(state.thread_index()));
  int64_t time = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.find(table.keyOf(random.uniform(kEntries)), at(++time / 1000)));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(findAnyOfAMillion)->Threads(1)->Threads(4)->UseRealTime();

// A thousand of them are busy: what they need is in the caches.
void findBusyOnesOfAMillion(benchmark::State& state) {
  StickyTable& table = fullTable();
  base::Random random(static_cast<uint64_t>(state.thread_index()));
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.find(table.keyOf(random.uniform(1000)), at(1000)));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(findBusyOnesOfAMillion)->Threads(1)->Threads(4)->UseRealTime();

// A flood of clients that never come back, in a table that is full.
void bindStrangers(benchmark::State& state) {
  static StickyTable table({.max_entries = 100'000}, 7, at(0));
  static const auto usage = std::make_shared<EndpointUsage>();
  uint64_t next = static_cast<uint64_t>(state.thread_index()) << 40;
  for (auto _ : state) {
    ++next;
    benchmark::DoNotOptimize(table.bind(table.keyOf(next), 1 + next % 10, usage, 0, at(0)));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(bindStrangers)->Threads(1)->Threads(4)->UseRealTime();

using extensions::stickiness::cookie::CookieSeal;

void openCookie(benchmark::State& state) {
  const CookieSeal seal({std::string(48, 'k')}, "web");
  CookieSeal::Text text;
  seal.seal({.uid = 12345, .expires = 2'000'000'000}, text);
  const std::string value(text.data(), text.size());
  for (auto _ : state) benchmark::DoNotOptimize(seal.open(value, 1'795'000'000));
}
BENCHMARK(openCookie);

void sealCookie(benchmark::State& state) {
  const CookieSeal seal({std::string(48, 'k')}, "web");
  CookieSeal::Text text;
  uint64_t uid = 0;
  for (auto _ : state) {
    seal.seal({.uid = ++uid, .expires = 2'000'000'000}, text);
    benchmark::DoNotOptimize(text);
  }
}
BENCHMARK(sealCookie);

}  // namespace
}  // namespace weir::upstream

BENCHMARK_MAIN();
