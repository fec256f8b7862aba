// Whatever happens in whatever order: nobody is asked twice at a time, nobody is forgotten, and in
// the end everybody is what he is.

#include <algorithm>
#include <map>
#include <string>

#include "gtest/gtest.h"

#include "source/base/random.h"
#include "test/control/checked_cluster.h"

namespace weir::control {
namespace {

using std::chrono::milliseconds;
using upstream::Health;
using Manner = upstream::FakeEndpoints::Manner;

class Chaos {
 public:
  explicit Chaos(uint64_t seed) : random_(seed) {
    for (size_t i = 0; i < 2; ++i) {
      cluster_.check(i).times = {.interval = milliseconds(500),
                                 .timeout = milliseconds(200),
                                 .confirm_interval = milliseconds(100),
                                 .no_traffic_interval = milliseconds(i == 0 ? 500 : 2000)};
    }
    cluster_.putMany(kEndpoints);
    cluster_.apply();
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      // The fake asserts that a probe is not started twice.
      ASSERT_LE(cluster_.endpoints.in_flight, 2 * kEndpoints);
      ASSERT_EQ(cluster_.stale, 0);
    }
  }
  // All is quiet: each is found to be what it is, in the time that this takes at most.
  void settle() {
    std::map<std::string, Manner> manners;
    for (int i = 0; i < kEndpoints; ++i) {
      manners[id(i)] = pick(3) == 0   ? Manner::kFail
                       : pick(3) == 0 ? Manner::kDegraded
                                      : Manner::kPass;
      cluster_.endpoints.set(id(i), manners[id(i)]);
      if (!has(i)) cluster_.put(id(i), addressOf(i));
    }
    cluster_.apply(/*members_only=*/true);
    for (int i = 0; i < kEndpoints; ++i) cluster_.operate(id(i), upstream::OperatorState::kEnabled);
    cluster_.endpoints.latency = milliseconds(1);
    cluster_.advance(1000);  // what hangs has had its time, and what waited begins
    cluster_.endpoints.letBegin();
    cluster_.advance(8000);
    for (const auto& [id, manner] : manners) {
      const Health expected = manner == Manner::kFail       ? Health::kUnhealthy
                              : manner == Manner::kDegraded ? Health::kDegraded
                                                            : Health::kHealthy;
      EXPECT_EQ(cluster_.health(id), expected) << id;
    }
    // And goes on being asked.
    cluster_.mark();
    cluster_.advance(2300);
    for (const auto& [id, manner] : manners) EXPECT_GE(cluster_.probes(id).size(), 4u) << id;
    // And is no more asked when it is gone.
    for (int i = 0; i < kEndpoints; ++i) cluster_.drop(id(i));
    cluster_.apply(/*members_only=*/true);
    EXPECT_EQ(cluster_.endpoints.probes, 0);
    EXPECT_EQ(cluster_.endpoints.in_flight, 0);
    EXPECT_EQ(cluster_.stats.valueOf("health_probes_in_flight"), 0);
  }

 private:
  static constexpr int kEndpoints = 12;
  static std::string id(int i) { return "e" + std::to_string(i); }
  static std::string addressOf(int i) { return "10.0.0." + std::to_string(1 + i) + ":80"; }
  bool has(int i) const { return cluster_.members.count(id(i)) > 0; }
  int pick(int below) { return static_cast<int>(random_.uniform(static_cast<uint64_t>(below))); }

  void step() {
    const int i = pick(kEndpoints);
    switch (pick(12)) {
      case 0:
      case 1:
        cluster_.endpoints.set(id(i), static_cast<Manner>(pick(6)));
        break;
      case 2:
        cluster_.endpoints.latency = milliseconds(pick(2) == 0 ? 0 : pick(300));
        break;
      case 3:
        if (has(i)) {
          cluster_.drop(id(i));
        } else {
          cluster_.put(id(i), addressOf(i));
        }
        cluster_.apply(/*members_only=*/true);
        break;
      case 4:
        if (has(i)) cluster_.put(id(i), addressOf(pick(50)));
        cluster_.apply(/*members_only=*/true);
        break;
      case 5:
        if (pick(3) == 0) cluster_.check(1).identity = std::to_string(pick(3));
        cluster_.check(0).times.interval = milliseconds(400 + pick(200));
        cluster_.check(0).times.no_traffic_interval = cluster_.check(0).times.interval;
        cluster_.apply();
        break;
      case 6:
        if (has(i)) cluster_.operate(id(i), static_cast<upstream::OperatorState>(pick(3)));
        break;
      case 7:
        cluster_.trouble(id(i));
        break;
      case 8:
        cluster_.dispatcher.standStill(milliseconds(pick(2) == 0 ? pick(400) : pick(10'000)));
        break;
      case 9:
        cluster_.traffic();
        break;
      case 10:
        cluster_.dispatcher.post([this] { cluster_.endpoints.letBegin(); });
        break;
      default:
        cluster_.advance(pick(400));
    }
  }

  base::Random random_;
  CheckedCluster cluster_;
};

TEST(HealthChecksChaos, EndsWell) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Chaos chaos(seed);
    chaos.run(500);
    chaos.settle();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace weir::control
