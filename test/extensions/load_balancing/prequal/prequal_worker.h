#pragma once

#include <algorithm>
#include <set>
#include <vector>

#include "gtest/gtest.h"

#include "extensions/load_balancing/prequal/prequal.h"
#include "source/base/random.h"
#include "source/http/message.h"
#include "source/stats/stats.h"
#include "test/upstream/test_hosts.h"

namespace weir::extensions::load_balancing::prequal {

using std::chrono::milliseconds;
using upstream::FakeLoads;
using upstream::HostSet;
using upstream::hostsOf;
using upstream::Pick;
using upstream::PickContext;

inline constexpr uint32_t kNobody = ProbeOwner::kNobody;

// Notes what is wanted, and leaves it to the test to ask and answer.
class FakeProbers final : public ProberFactory {
 public:
  struct State {
    ProbeOwner* owner = nullptr;
    uint32_t wanted = 0;
  };
  std::unique_ptr<Prober> create(const upstream::BalancerContext&,
                                 ProbeOwner& owner) const override {
    struct Fake final : Prober {
      explicit Fake(State& s) : state(s) {}
      void want(uint32_t probes) override { state.wanted += probes; }
      State& state;
    };
    state.owner = &owner;
    return std::make_unique<Fake>(state);
  }
  mutable State state;
};

inline std::vector<uint32_t> equal(size_t count) {
  return std::vector<uint32_t>(count, 1);
}

// One worker whose clock the test moves.
struct Worker {
  explicit Worker(const std::vector<uint32_t>& weights, PrequalOptions options = {},
                  bool probing = true)
      : stats(PrequalStats::create(store, "c")),
        hosts(hostsOf(weights)),
        loads(weights.size()),
        algorithm({.random = random, .services = offer()}, options, &stats,
                  probing ? &probers : nullptr) {
    upstream::adopt(algorithm, *hosts, loads);
  }
  base::ServiceMap* offer() {
    services.put(store.block(1));
    return &services;
  }
  PickContext context(const std::vector<uint32_t>& tried = {}) {
    PickContext context;
    context.request = &request;
    context.now = now;
    context.tried = tried;
    return context;
  }
  uint32_t pick(const std::vector<uint32_t>& tried = {}) {
    const Pick pick = algorithm.pick(context(tried));
    EXPECT_EQ(pick.kind, Pick::Kind::kEndpoint);
    return pick.host;
  }
  upstream::PickForecast forecast() {
    upstream::PickForecast out;
    out.scores.resize(hosts->hosts.size());
    algorithm.forecast(context(), out);
    return out;
  }
  std::vector<int> picks(int count) {
    std::vector<int> counts(hosts->hosts.size());
    for (int i = 0; i < count; ++i) ++counts[pick()];
    return counts;
  }
  void answer(uint32_t host, uint64_t in_flight, uint32_t latency_us) {
    algorithm.onProbe(host, {ProbeResult::kAnswered, in_flight, latency_us}, now);
  }
  struct Told {
    uint32_t host;
    uint64_t in_flight;
    uint32_t latency_us;
  };
  // The first answers there are: two or more, of different endpoints.
  void tell(const std::vector<Told>& told) {
    answer(told.back().host, 0, 0);  // one is not enough to go by, and is not kept
    for (const Told& one : told) answer(one.host, one.in_flight, one.latency_us);
    EXPECT_EQ(algorithm.mode(), Mode::kProbed);
  }
  void fail(uint32_t host, ProbeResult result) { algorithm.onProbe(host, {result}, now); }
  int64_t rule(const char* name) const {
    return store.valueOf("prequal_picks_total", {{"cluster", "c"}, {"rule", name}});
  }
  int64_t mode(const char* name) const {
    return store.valueOf("prequal_mode", {{"cluster", "c"}, {"mode", name}});
  }
  int64_t probes(const char* result) const {
    return store.valueOf("prequal_probes_total", {{"cluster", "c"}, {"result", result}});
  }
  // Who may be asked now.
  std::set<uint32_t> targets(int draws) {
    std::set<uint32_t> targets;
    for (int i = 0; i < draws; ++i) targets.insert(algorithm.nextTarget(now));
    targets.erase(kNobody);
    return targets;
  }

  base::Random random{7};
  stats::Store store;
  PrequalStats stats;
  base::ServiceMap services;
  FakeProbers probers;
  http::RequestHead request;
  std::shared_ptr<const HostSet> hosts;
  FakeLoads loads;
  Prequal algorithm;
  event::MonotonicTime now{std::chrono::hours(1)};
};

// Few picks leave what was told as it is.
inline constexpr PrequalOptions kKeeping{.removals_per_pick = 0};

}  // namespace weir::extensions::load_balancing::prequal
