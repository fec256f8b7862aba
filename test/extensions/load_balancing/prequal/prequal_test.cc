#include "extensions/load_balancing/prequal/prequal.h"

#include <algorithm>
#include <set>
#include <vector>

#include "test/extensions/load_balancing/prequal/prequal_worker.h"

namespace weir::extensions::load_balancing::prequal {
namespace {

using std::chrono::microseconds;

TEST(Prequal, ReuseFollowsTheFormula) {
  PrequalOptions options;  // pool 16, 3 probes, 1 removal, delta 1
  EXPECT_NEAR(reuseBudget(options, 100), 2 / (0.84 * 3 - 1), 1e-9);
  EXPECT_NEAR(reuseBudget(options, 1'000'000), 1.0, 1e-3);
  options.probes_per_pick = 16;
  EXPECT_EQ(reuseBudget(options, 1000), 1);
  // More is removed than comes in: an answer stays until it is too old.
  EXPECT_EQ(reuseBudget(options, 16), 10'000);
  EXPECT_EQ(reuseBudget({.probes_per_pick = 1, .removals_per_pick = 1}, 1000), 10'000);
}

TEST(Prequal, TakesTheFastestThatIsNotHot) {
  PrequalOptions options = kKeeping;
  options.hot_quantile = 0.75;
  Worker worker(equal(4), options);
  worker.tell({{0, 0, 500},
               {1, 2, 100},
               {2, 9, 10},
               {3, 2, 200}});  // fast, but its load is above the quantile
  ASSERT_EQ(worker.algorithm.mode(), Mode::kProbed);
  EXPECT_EQ(worker.pick(), 1u);
  EXPECT_EQ(worker.rule("cold"), 1);
  EXPECT_EQ(worker.mode("probed"), 1);
  EXPECT_EQ(worker.mode("observed"), 0);
}

// What is sent counts at once: the fastest becomes hot.
TEST(Prequal, WhatIsSentCountsAsLoad) {
  PrequalOptions options = kKeeping;
  options.hot_quantile = 0.5;
  Worker worker(equal(3), options);
  worker.tell({{0, 1, 10}, {1, 2, 20}, {2, 2, 30}});
  EXPECT_EQ(worker.pick(), 0u);
  EXPECT_EQ(worker.pick(), 0u);  // 2: as much as the quantile
  EXPECT_EQ(worker.pick(), 1u);
  EXPECT_EQ(worker.pick(), 2u);
  // All are hot with 3: the one told first of those.
  EXPECT_EQ(worker.pick(), 0u);
  EXPECT_EQ(worker.rule("hot"), 1);
}

TEST(Prequal, HotOnesShareByLoad) {
  PrequalOptions options = kKeeping;
  options.hot_quantile = 0;  // whatever is above the lowest is hot
  Worker worker(equal(3), options);
  worker.tell({{0, 5, 1}, {1, 3, 50}, {2, 8, 1}});
  EXPECT_EQ(worker.pick(), 1u);
  for (int load = 4; load < 6; ++load) EXPECT_EQ(worker.pick(), load < 5 ? 1u : 0u);
}

TEST(Prequal, AnswersAge) {
  Worker worker(equal(4), kKeeping);
  worker.tell({{3, 0, 950}, {1, 0, 100}});
  worker.now += milliseconds(600);
  worker.answer(0, 0, 900);
  worker.answer(2, 0, 700);
  EXPECT_EQ(worker.pick(), 1u);
  worker.now += milliseconds(401);
  EXPECT_EQ(worker.pick(), 2u);  // what 1 said is forgotten
  const int64_t random = worker.rule("random");
  worker.now += milliseconds(600);
  worker.pick();
  EXPECT_EQ(worker.rule("random"), random + 1);
}

TEST(Prequal, AnAnswerServesAFewPicks) {
  PrequalOptions options = kKeeping;
  options.probes_per_pick = 1;
  options.hot_quantile = 0.84;
  Worker worker(equal(1000), options);  // budget: 2 / 0.984, that is 2 or 3 picks
  for (int round = 0; round < 50; ++round) {
    const int64_t random = worker.rule("random");
    worker.tell({{0, 0, 10}, {1, 50, 20}});
    int zero = 0;
    while (worker.pick() == 0 && worker.rule("random") == random) ++zero;
    EXPECT_GE(zero, 2);
    EXPECT_LE(zero, 3);
    worker.now += milliseconds(1'500);
  }
}

TEST(Prequal, OldAndBadAnswersGoInTurns) {
  PrequalOptions options;
  options.hot_quantile = 1;
  Worker worker(equal(6), options);
  worker.tell({{0, 0, 100}, {1, 9, 110}, {2, 0, 120}, {3, 0, 130}, {4, 0, 140}, {5, 0, 100}});
  EXPECT_EQ(worker.pick(), 0u);  // removed: 0, the oldest
  EXPECT_EQ(worker.pick(), 5u);  // removed: 4, the slowest
  EXPECT_EQ(worker.pick(), 5u);  // removed: 1
  EXPECT_EQ(worker.pick(), 5u);  // removed: 3
  // 2 and 5 are left: with less, chance would decide.
  for (int i = 0; i < 20; ++i) worker.pick();
  EXPECT_EQ(worker.rule("random"), 0);
}

TEST(Prequal, ChanceDecidesWhenTooLittleIsKnown) {
  Worker worker(equal(4), kKeeping);
  for (uint32_t host = 0; host < 4; ++host) worker.answer(host, 0, 10);
  worker.now += milliseconds(1'500);
  const std::vector<int> counts = worker.picks(40'000);
  EXPECT_EQ(worker.rule("random"), 40'000);
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 400);
}

TEST(Prequal, ChanceFollowsTheWeights) {
  Worker worker({3, 1, 2}, kKeeping);
  for (uint32_t host = 0; host < 3; ++host) worker.answer(host, 0, 10);
  worker.now += milliseconds(1'500);
  const std::vector<int> counts = worker.picks(60'000);
  EXPECT_NEAR(counts[0], 30'000, 600);
  EXPECT_NEAR(counts[1], 10'000, 600);
  EXPECT_NEAR(counts[2], 20'000, 600);
}

TEST(Prequal, AHeavyEndpointIsHotLater) {
  PrequalOptions options = kKeeping;
  options.hot_quantile = 0;
  Worker worker({4, 1}, options);
  worker.tell({{0, 3, 50}, {1, 1, 50}});
  EXPECT_EQ(worker.pick(), 0u);  // 3 of 4 is less than 1 of 1
}

TEST(Prequal, AvoidsWhatWasTried) {
  Worker worker(equal(3), kKeeping);
  worker.tell({{0, 0, 10}, {1, 0, 20}});
  EXPECT_EQ(worker.pick({0}), 1u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(worker.pick({0, 1}), 2u);
  std::set<uint32_t> any;
  for (int i = 0; i < 200; ++i) any.insert(worker.pick({0, 1, 2}));
  EXPECT_EQ(any.size(), 3u);
  for (int i = 0; i < 200; ++i) EXPECT_NE(worker.pick({2}), 2u);
}

TEST(Prequal, OneEndpointAndNone) {
  Worker one(equal(1));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(one.pick(), 0u);
  one.answer(0, 5, 5);
  EXPECT_EQ(one.mode("probed"), 1);
  EXPECT_EQ(one.pick(), 0u);
  one.hosts = hostsOf({});
  upstream::adopt(one.algorithm, *one.hosts, one.loads);
  EXPECT_EQ(one.algorithm.pick(one.context()).reason, "no_eligible_endpoint");
  EXPECT_EQ(one.algorithm.nextTarget(one.now), kNobody);
}

// --- What the worker observes ---

TEST(PrequalObserved, PrefersWhatWasFast) {
  Worker worker(equal(16), {}, /*probing=*/false);
  for (uint32_t host = 0; host < 16; ++host) {
    worker.algorithm.onResponse(host, microseconds(host == 1 ? 100 : 5'000), true, worker.now);
  }
  worker.picks(100);
  EXPECT_GT(worker.picks(1000)[1], 990);
  EXPECT_EQ(worker.mode("observed"), 1);
  // Until there is more in flight than at most of them.
  worker.loads.counts[1] = 3;
  worker.picks(100);
  EXPECT_LT(worker.picks(1000)[1], 20);
}

TEST(PrequalObserved, TheAverageFollowsAndFades) {
  PrequalOptions options;
  options.hot_quantile = 1;  // only the latency counts
  Worker worker(equal(2), options, /*probing=*/false);
  worker.algorithm.onResponse(0, microseconds(1'000), true, worker.now);
  worker.algorithm.onResponse(1, microseconds(3'000), true, worker.now);
  EXPECT_GT(worker.picks(1000)[0], 950);
  for (int i = 0; i < 10; ++i) {
    worker.algorithm.onResponse(0, microseconds(9'000), true, worker.now);
  }
  worker.now += milliseconds(1'100);  // what is in the pool is from before
  EXPECT_GT(worker.picks(1000)[1], 950);
  // 0 has not been used for so long that it may be good again.
  for (int i = 0; i < 8; ++i) {
    worker.now += milliseconds(1'100);
    worker.algorithm.onResponse(1, microseconds(3'000), true, worker.now);
  }
  EXPECT_GT(worker.picks(1000)[0], 950);
}

TEST(PrequalObserved, FailingFastDoesNotAttract) {
  PrequalOptions options;
  options.hot_quantile = 1;
  Worker worker(equal(2), options, /*probing=*/false);
  worker.algorithm.onResponse(0, microseconds(1'000), true, worker.now);
  worker.algorithm.onResponse(1, microseconds(1'500), true, worker.now);
  worker.algorithm.onResponse(0, microseconds(10), false, worker.now);
  EXPECT_GT(worker.picks(1000)[1], 950);
  // However often and however long: no overflow.
  for (int i = 0; i < 200; ++i) {
    worker.algorithm.onResponse(0, std::chrono::hours(2), false, worker.now);
  }
  EXPECT_GT(worker.picks(1000)[1], 950);
}

TEST(PrequalObserved, L4IsNeverProbed) {
  Worker worker(equal(3));
  for (int i = 0; i < 100; ++i) {
    PickContext context = worker.context();
    context.request = nullptr;
    worker.algorithm.pick(context);
  }
  EXPECT_EQ(worker.probers.state.wanted, 0u);
  worker.pick();
  EXPECT_EQ(worker.probers.state.wanted, 3u);
}

// --- Probes ---

TEST(PrequalProbing, WantsFractionsInTime) {
  PrequalOptions options = kKeeping;
  options.probes_per_pick = 0.25;
  Worker worker(equal(4), options);
  worker.tell({{0, 0, 10}, {1, 0, 10}});
  worker.picks(400);
  EXPECT_EQ(worker.probers.state.wanted, 100u);
}

TEST(PrequalProbing, AsksEachEndpointOnceAtATime) {
  Worker worker(equal(3));
  EXPECT_EQ(worker.targets(100), (std::set<uint32_t>{0, 1, 2}));
  EXPECT_EQ(worker.targets(50), std::set<uint32_t>{});
  worker.answer(1, 0, 0);
  EXPECT_EQ(worker.targets(50), std::set<uint32_t>{1});
}

TEST(PrequalProbing, KeepsWithinItsRate) {
  PrequalOptions options;
  options.max_probes_per_second = 100;
  Worker worker(equal(1000), options);
  worker.algorithm.nextTarget(worker.now);  // from here on
  int asked = 0;
  for (int ms = 0; ms < 10'000; ++ms) {
    worker.now += milliseconds(1);
    for (int i = 0; i < 5; ++i) {
      const uint32_t host = worker.algorithm.nextTarget(worker.now);
      if (host == kNobody) continue;
      ++asked;
      worker.answer(host, 0, 10);
    }
  }
  EXPECT_NEAR(asked, 1000, 12);
}

// Fewer answers than were to come: each serves the more picks, so that chance seldom decides.
TEST(PrequalProbing, AnswersLastLongerWhenFewComeIn) {
  PrequalOptions options;
  Worker worker(equal(100), options);
  worker.tell({{0, 0, 10}, {1, 0, 10}});
  base::Random random(3);
  const auto run = [&](int picks) {
    for (int i = 0; i < picks; ++i) {
      worker.pick();
      if (i % 20 == 0) {
        worker.answer(static_cast<uint32_t>(random.uniform(100)), random.uniform(4), 10);
      }
    }
  };
  run(2000);
  const int64_t before = worker.rule("random");
  run(20'000);
  EXPECT_LT(worker.rule("random") - before, 400);
}

TEST(PrequalProbing, GoesByOwnObservationsUntilMostAnswer) {
  Worker worker(equal(6));
  EXPECT_EQ(worker.mode("observed"), 1);
  worker.answer(0, 0, 10);
  EXPECT_EQ(worker.mode("observed"), 1);  // one is too few
  worker.fail(1, ProbeResult::kRefused);
  worker.fail(2, ProbeResult::kMalformed);
  worker.answer(3, 0, 10);
  EXPECT_EQ(worker.mode("observed"), 1);  // two of four
  worker.answer(4, 0, 10);
  EXPECT_EQ(worker.mode("probed"), 1);
  worker.fail(3, ProbeResult::kRefused);
  EXPECT_EQ(worker.mode("observed"), 1);
  EXPECT_EQ(worker.mode("probed"), 0);
  EXPECT_EQ(worker.probes("refused"), 2);
  EXPECT_EQ(worker.probes("malformed"), 1);
  EXPECT_EQ(worker.probes("answered"), 3);
}

TEST(PrequalProbing, BacksOffLongerAndLonger) {
  Worker worker(equal(1));
  auto wait = milliseconds(0);
  for (int failure = 0; failure < 10; ++failure) {
    ASSERT_EQ(worker.algorithm.nextTarget(worker.now), 0u);
    worker.fail(0, ProbeResult::kRefused);
    const auto failed_at = worker.now;
    while (worker.algorithm.nextTarget(worker.now) == kNobody) worker.now += milliseconds(100);
    wait = std::chrono::duration_cast<milliseconds>(worker.now - failed_at);
    const int64_t due = std::min(1000 << failure, 60'000);
    EXPECT_GE(wait.count(), due / 2);
    EXPECT_LE(wait.count(), due * 3 / 2 + 100);
    worker.algorithm.onProbe(0, {ProbeResult::kFailed}, worker.now);
    worker.now += milliseconds(100'000);
    if (failure < 9) ++failure;
  }
  // An answer makes it one like the others again.
  worker.algorithm.nextTarget(worker.now);
  worker.answer(0, 0, 5);
  EXPECT_EQ(worker.algorithm.nextTarget(worker.now), 0u);
}

// A mute endpoint among others that answer gets what it is due.
TEST(PrequalProbing, MuteOnesGetTheirShare) {
  Worker worker(equal(5), kKeeping);
  worker.fail(4, ProbeResult::kRefused);
  for (uint32_t host = 0; host < 4; ++host) worker.answer(host, 0, 10 + host);
  ASSERT_EQ(worker.mode("probed"), 1);
  const std::vector<int> counts = worker.picks(20'000);
  EXPECT_NEAR(counts[4], 4'000, 300);
  EXPECT_EQ(worker.rule("share"), counts[4]);
}

// One that has answered is given time: it may be too busy. It gets nothing meanwhile.
TEST(PrequalProbing, ABusyOneIsNotMuteAtOnce) {
  Worker worker(equal(3), kKeeping);
  worker.tell({{0, 0, 10}, {1, 0, 10}, {2, 0, 10}});
  for (int i = 0; i < 4; ++i) worker.fail(0, ProbeResult::kTimeout);
  EXPECT_EQ(worker.picks(1000)[0], 0);
  worker.fail(0, ProbeResult::kTimeout);
  EXPECT_NEAR(worker.picks(3000)[0], 1000, 150);
}

TEST(PrequalProbing, AFailedRequestMakesWhatWasToldVoid) {
  Worker worker(equal(3), kKeeping);
  worker.tell({{0, 0, 1}, {1, 0, 20}, {2, 0, 30}});
  EXPECT_EQ(worker.pick(), 0u);
  worker.algorithm.onResponse(0, microseconds(10), false, worker.now);
  EXPECT_EQ(worker.pick(), 1u);
}

// --- Host sets ---

TEST(Prequal, WhatIsKnownStaysWithItsEndpoint) {
  PrequalOptions options = kKeeping;
  options.hot_quantile = 1;
  Worker worker(equal(4), options);
  worker.tell({{0, 0, 5}, {1, 9, 40}, {2, 0, 10}, {3, 0, 30}});
  ASSERT_EQ(worker.targets(100).size(), 4u);
  // 0 goes; the others move up.
  auto fewer = worker.hosts->hosts;
  fewer.erase(fewer.begin());
  worker.hosts = upstream::eligible(2, fewer);
  upstream::adopt(worker.algorithm, *worker.hosts, worker.loads);
  EXPECT_EQ(worker.mode("probed"), 1);
  EXPECT_EQ(worker.pick(), 1u);              // that was 2
  EXPECT_EQ(worker.targets(50).size(), 0u);  // they are still being asked
  worker.answer(3, 0, 1);                    // late, of one that is not there any more
  EXPECT_EQ(worker.pick(), 1u);
  worker.algorithm.onResponse(3, microseconds(1), true, worker.now);
  // With only one that answers among new ones, observations count again.
  auto other = hostsOf(equal(9))->hosts;
  worker.hosts = upstream::eligible(3, {other.begin() + 3, other.end()});
  worker.loads.counts.resize(9);
  upstream::adopt(worker.algorithm, *worker.hosts, worker.loads);
  EXPECT_EQ(worker.mode("observed"), 1);
  for (int i = 0; i < 100; ++i) EXPECT_LT(worker.pick(), 6u);
}

TEST(Prequal, TakesItselfOffTheGauge) {
  stats::Store store;
  const PrequalStats stats = PrequalStats::create(store, "c");
  base::ServiceMap services;
  services.put(store.block(1));
  base::Random random(1);
  PrequalFactory factory({}, stats, nullptr);
  {
    const auto balancer = factory.create({.random = random, .services = &services});
    FakeLoads loads(3);
    const auto hosts = hostsOf(equal(3));
    balancer->onHostSet(*hosts, loads);
    EXPECT_EQ(balancer->pick({}).kind, Pick::Kind::kEndpoint);
    EXPECT_EQ(store.valueOf("prequal_mode", {{"cluster", "c"}, {"mode", "observed"}}), 1);
  }
  EXPECT_EQ(store.valueOf("prequal_mode", {{"cluster", "c"}, {"mode", "observed"}}), 0);
}

}  // namespace
}  // namespace weir::extensions::load_balancing::prequal
