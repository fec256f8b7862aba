// What a shared dictionary costs for each operation: with what is in the caches and what is not,
// from one thread and from several, and when it is full.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "source/base/concat.h"
#include "source/base/random.h"
#include "source/base/shared_dictionary.h"

namespace weir::base {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kEntries = 1'000'000;
constexpr SharedDictionary::Time kStart{std::chrono::hours(1000)};

// Keys as rate limits have them.
const std::vector<std::string>& clients() {
  static const auto* const made = [] {
    auto* const keys = new std::vector<std::string>;
    for (uint64_t i = 0; i < kEntries; ++i) keys->push_back(concat("client-", 10'000'000 + i));
    return keys;
  }();
  return *made;
}

SharedDictionary& ofAMillion() {
  static SharedDictionary* const dictionary = [] {
    auto* const made = new SharedDictionary("d", uint64_t{512} << 20);
    for (const std::string& key : clients()) made->set(key, 1.0, seconds(60), kStart);
    return made;
  }();
  return *dictionary;
}

void getBusyOnes(benchmark::State& state) {
  SharedDictionary& dictionary = ofAMillion();
  Random random(static_cast<uint64_t>(state.thread_index()));
  SharedDictionary::Item item;
  for (auto _ : state) {
    benchmark::DoNotOptimize(dictionary.get(clients()[random.uniform(1000)], kStart, item));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(getBusyOnes)->Threads(1)->Threads(2)->Threads(4)->UseRealTime();

void getAnyOfAMillion(benchmark::State& state) {
  SharedDictionary& dictionary = ofAMillion();
  Random random(static_cast<uint64_t>(state.thread_index()));
  SharedDictionary::Item item;
  for (auto _ : state) {
    benchmark::DoNotOptimize(dictionary.get(clients()[random.uniform(kEntries)], kStart, item));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(getAnyOfAMillion)->Threads(1)->Threads(4)->UseRealTime();

void incrementBusyOnes(benchmark::State& state) {
  SharedDictionary& dictionary = ofAMillion();
  Random random(static_cast<uint64_t>(state.thread_index()));
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        dictionary.incr(clients()[random.uniform(1000)], 1, 0, seconds(60), kStart));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(incrementBusyOnes)->Threads(1)->Threads(2)->Threads(4)->UseRealTime();

// All threads want the same: the worst there is.
void incrementOne(benchmark::State& state) {
  SharedDictionary& dictionary = ofAMillion();
  for (auto _ : state) benchmark::DoNotOptimize(dictionary.incr("one", 1, 0, {}, kStart));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(incrementOne)->Threads(1)->Threads(2)->Threads(4)->UseRealTime();

void setBusyTexts(benchmark::State& state) {
  SharedDictionary& dictionary = ofAMillion();
  Random random(static_cast<uint64_t>(state.thread_index()));
  const std::string text(100, 'x');
  for (auto _ : state) {
    benchmark::DoNotOptimize(dictionary.set(clients()[random.uniform(1000)], std::string_view(text),
                                            seconds(60), kStart));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(setBusyTexts)->Threads(1)->Threads(4)->UseRealTime();

// A flood of clients that never come back, in a dictionary that is full; their entries expire.
void incrementStrangers(benchmark::State& state) {
  static SharedDictionary dictionary("s", uint64_t{16} << 20);
  Random random(static_cast<uint64_t>(state.thread_index()) + 1);
  int64_t time = 0;
  for (auto _ : state) {
    const uint64_t key = random.next();
    const std::string_view text(reinterpret_cast<const char*>(&key), sizeof key);
    benchmark::DoNotOptimize(
        dictionary.incr(text, 1, 0, seconds(60), kStart + milliseconds(++time / 1000)));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(incrementStrangers)->Threads(1)->Threads(4)->UseRealTime();

}  // namespace
}  // namespace weir::base

BENCHMARK_MAIN();
