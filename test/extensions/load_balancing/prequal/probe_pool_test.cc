#include "extensions/load_balancing/prequal/probe_pool.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <list>
#include <vector>

#include "gtest/gtest.h"

#include "extensions/load_balancing/prequal/weighted_draw.h"
#include "source/base/random.h"

namespace weir::extensions::load_balancing::prequal {
namespace {

using std::chrono::milliseconds;

event::MonotonicTime at(int64_t ms) {
  return event::MonotonicTime(milliseconds(ms));
}

TEST(LoadDistribution, LevelsAreExactAtFirstAndNeverFallBack) {
  for (uint32_t load = 0; load < 256; ++load) {
    EXPECT_EQ(LoadDistribution::levelOf(load), load);
  }
  uint32_t before = LoadDistribution::levelOf(255);
  for (uint64_t load = 256; load < (uint64_t{1} << 62); load += load / 40) {
    const uint32_t level = LoadDistribution::levelOf(load);
    EXPECT_GE(level, before);
    EXPECT_GT(LoadDistribution::levelOf(load + load / 16), level);
    before = level;
  }
  EXPECT_LT(LoadDistribution::levelOf(~uint64_t{0}), LoadDistribution::kLevels);
}

TEST(LoadDistribution, AgreesWithASortedWindow) {
  base::Random random(1);
  for (const double quantile : {0.0, 0.3, 0.5, 0.84, 0.999, 1.0}) {
    LoadDistribution distribution(quantile);
    EXPECT_EQ(distribution.threshold(), 0u);
    std::deque<uint32_t> window;
    for (int i = 0; i < 3000; ++i) {
      const uint64_t range = i % 1000 < 500 ? 10 : 100'000;
      const uint64_t load = random.uniform(range);
      distribution.add(load);
      window.push_back(LoadDistribution::levelOf(load));
      if (window.size() > LoadDistribution::kWindow) window.pop_front();
      std::vector<uint32_t> sorted(window.begin(), window.end());
      std::sort(sorted.begin(), sorted.end());
      const auto rank = static_cast<size_t>(
          std::max(1.0, std::ceil(quantile * static_cast<double>(sorted.size()))));
      ASSERT_EQ(distribution.threshold(), sorted[rank - 1]) << quantile << " " << i;
    }
    distribution.clear();
    distribution.add(7);
    EXPECT_EQ(distribution.threshold(), 7u);
  }
}

// The rules of the paper in their plainest form.
struct NaivePool {
  std::list<Probe> probes;  // oldest in front
  size_t capacity;

  void put(const Probe& probe) {
    drop(probe.host);
    if (probes.size() == capacity) probes.pop_front();
    probes.push_back(probe);
  }
  void drop(uint32_t host) {
    probes.remove_if([host](const Probe& p) { return p.host == host; });
  }
  void expire(event::MonotonicTime since) {
    probes.remove_if([since](const Probe& p) { return p.at < since; });
  }
  static bool hot(const Probe& p, uint32_t threshold) { return p.load > threshold; }
  const Probe* best(uint32_t threshold, const std::vector<uint32_t>& excluded) const {
    std::vector<const Probe*> usable;
    for (const Probe& p : probes) {
      if (std::find(excluded.begin(), excluded.end(), p.host) == excluded.end()) {
        usable.push_back(&p);
      }
    }
    if (usable.empty()) return nullptr;
    std::vector<const Probe*> cold;
    for (const Probe* p : usable) {
      if (!hot(*p, threshold)) cold.push_back(p);
    }
    if (!cold.empty()) {
      return *std::min_element(cold.begin(), cold.end(), [](const Probe* a, const Probe* b) {
        return a->latency_us < b->latency_us;
      });
    }
    return *std::min_element(usable.begin(), usable.end(),
                             [](const Probe* a, const Probe* b) { return a->load < b->load; });
  }
  uint32_t worst(uint32_t threshold) const {
    const bool any_hot = std::any_of(probes.begin(), probes.end(),
                                     [&](const Probe& p) { return hot(p, threshold); });
    const Probe* worst = nullptr;
    for (const Probe& p : probes) {
      if (hot(p, threshold) != any_hot) continue;
      const bool worse =
          worst == nullptr || (any_hot ? p.load > worst->load : p.latency_us > worst->latency_us);
      if (worse) worst = &p;
    }
    return worst->host;
  }
};

TEST(ProbePool, AgreesWithTheNaiveRules) {
  base::Random random(2);
  for (const size_t capacity : {2u, 5u, 16u, 64u}) {
    ProbePool pool(capacity);
    NaivePool naive{{}, capacity};
    for (int i = 0; i < 20000; ++i) {
      const auto threshold = static_cast<uint32_t>(random.uniform(12));
      switch (random.uniform(6)) {
        case 0:
        case 1: {
          const Probe probe{.host = static_cast<uint32_t>(random.uniform(3 * capacity)),
                            .step = static_cast<uint32_t>(1 + random.uniform(3)),
                            .load = random.uniform(10),
                            .latency_us = static_cast<uint32_t>(random.uniform(50)),
                            .uses = static_cast<uint32_t>(1 + random.uniform(3)),
                            .at = at(i)};
          pool.put(probe);
          naive.put(probe);
          break;
        }
        case 2: {
          std::vector<uint32_t> excluded(random.uniform(3));
          for (uint32_t& host : excluded) {
            host = static_cast<uint32_t>(random.uniform(3 * capacity));
          }
          const size_t best = pool.best(threshold, [&](uint32_t host) {
            return std::find(excluded.begin(), excluded.end(), host) != excluded.end();
          });
          const Probe* expected = naive.best(threshold, excluded);
          ASSERT_EQ(best == ProbePool::kNone, expected == nullptr);
          if (expected == nullptr) break;
          const uint32_t host = expected->host;
          ASSERT_EQ(pool.probes()[best].host, host);
          pool.use(best);
          for (auto p = naive.probes.begin(); p != naive.probes.end(); ++p) {
            if (p->host != host) continue;
            p->load += p->step;
            if (--p->uses == 0) naive.probes.erase(p);
            break;
          }
          break;
        }
        case 3:
          if (naive.probes.empty()) break;
          naive.drop(naive.worst(threshold));
          pool.removeWorst(threshold);
          break;
        case 4:
          if (random.uniform(8) != 0) break;
          pool.expire(at(i - 20));
          naive.expire(at(i - 20));
          break;
        default: {
          const auto host = static_cast<uint32_t>(random.uniform(3 * capacity));
          pool.drop(host);
          naive.drop(host);
        }
      }
      ASSERT_EQ(pool.size(), naive.probes.size());
      size_t n = 0;
      for (const Probe& probe : naive.probes) {
        ASSERT_EQ(pool.probes()[n].host, probe.host);
        ASSERT_EQ(pool.probes()[n++].load, probe.load);
      }
    }
  }
}

TEST(WeightedDraw, FollowsTheWeights) {
  base::Random random(3);
  for (const std::vector<uint32_t>& weights : std::vector<std::vector<uint32_t>>{
           {1}, {5, 5, 5}, {3, 1, 2}, {65535, 1}, {1, 100, 1, 1, 40, 7}}) {
    WeightedDraw draw;
    draw.set(weights);
    double sum = 0;
    for (const uint32_t weight : weights) sum += weight;
    std::vector<int> counts(weights.size());
    for (int i = 0; i < 100'000; ++i) ++counts[draw.draw(random)];
    for (size_t i = 0; i < weights.size(); ++i) {
      EXPECT_NEAR(counts[i], 100'000.0 * weights[i] / sum, 700) << i;
    }
  }
}

}  // namespace
}  // namespace weir::extensions::load_balancing::prequal
