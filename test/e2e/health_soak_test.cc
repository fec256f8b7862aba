// Origins die, hang, answer with errors, are drained and come back at random under load, never more
// than half of them at a time. Weir lives, no request goes where it must not, every one is
// answered, and at the end nothing is left. 20 seconds, or ten minutes when WEIR_LONG is set;
// WEIR_SOAK_SEED repeats what is done to the origins.

#include <signal.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "test/e2e/health_stage.h"
#include "test/support/eventually.h"

namespace weir {
namespace {

using test::Answer;
using test::Clock;
using test::HealthOrigin;
using test::Load;
using test::milliseconds;
using test::Stage;

uint64_t chosenSeed() {
  const char* given = std::getenv("WEIR_SOAK_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

// What is done to one origin, and undone. Not thread-safe.
class Misfortunes {
 public:
  Misfortunes(Stage& stage, uint64_t seed) : stage_(stage), random_(seed) {}

  // Something happens to one origin, or is over for one.
  void step() {
    const size_t which = below(kNames.size());
    What& what = what_[which];
    if (what != What::kNone) {
      undo(which);
    } else if (suffering() < kNames.size() / 2) {
      what = static_cast<What>(1 + below(5));
      begin(which);
    }
  }
  void undoAll() {
    for (size_t i = 0; i < kNames.size(); ++i) undo(i);
  }
  int done() const { return done_; }

  static constexpr std::string_view kNames = "abcd";

 private:
  enum class What { kNone, kKilled, kHangs, kErrors, kUnwell, kDrained };

  size_t below(size_t limit) {
    return std::uniform_int_distribution<size_t>(0, limit - 1)(random_);
  }
  size_t suffering() const {
    size_t count = 0;
    for (const What what : what_) count += what != What::kNone ? 1 : 0;
    return count;
  }
  void begin(size_t which) {
    HealthOrigin& origin = stage_.origin(kNames[which]);
    ++done_;
    switch (what_[which]) {
      case What::kNone:
        return;
      case What::kKilled:
        return origin.kill();
      case What::kHangs:
        return origin.hang();
      case What::kErrors:
        return origin.set({.status = 503});
      case What::kUnwell:
        return origin.set({.health = 500});
      case What::kDrained:
        EXPECT_EQ(stage_.operate("drain", origin.name()), 200);
    }
  }
  void undo(size_t which) {
    HealthOrigin& origin = stage_.origin(kNames[which]);
    switch (std::exchange(what_[which], What::kNone)) {
      case What::kNone:
        return;
      case What::kKilled:
        return origin.start();
      case What::kHangs:
        return origin.resume();
      case What::kErrors:
      case What::kUnwell:
        return origin.set({});
      case What::kDrained:
        EXPECT_EQ(stage_.operate("enable", origin.name()), 200);
    }
  }

  Stage& stage_;
  std::mt19937_64 random_;
  std::array<What, kNames.size()> what_{};
  int done_ = 0;
};

class HealthSoak : public ::testing::Test {
 protected:
  // How often each kind of answer stands in the access log.
  std::string reasons() {
    std::map<std::string, int> counts;
    std::istringstream log(stage_.weir().process().out());
    for (std::string line; std::getline(log, line);) ++counts[line];
    std::string text;
    for (const auto& [line, count] : counts) text += line + " " + std::to_string(count) + "\n";
    return text;
  }
  void expectNothingLeft() {
    for (const char* gauge :
         {"http_active_connections", "http_active_streams", "cluster_active_requests",
          "cluster_pending_requests", "cluster_active_connections", "cluster_draining_endpoints",
          "buffer_bytes"}) {
      const auto value = [&] {
        return stage_.weir().stat(gauge, std::string(gauge).starts_with("http_") ? "edge" : "");
      };
      EXPECT_TRUE(test::eventually([&] { return value() == 0; })) << gauge << " is " << value();
    }
  }

  Stage stage_{{.origins = std::string(Misfortunes::kNames),
                .cluster = test::checks(/*quick=*/true) +
                           "retry_limits { min_concurrency: 20 } idle_timeout { seconds: 1 } drain "
                           "{ timeout { seconds: 1 } } "
                           "outlier_detection { base_ejection_time { nanos: 300000000 } "
                           "max_ejection_time { seconds: 1 } interval { nanos: 100000000 } "
                           "max_ejection_percent: 50 } ",
                .route = "timeout { seconds: 3 } " + test::retryOnEverything("nanos: 150000000")}};
};

TEST_F(HealthSoak, EveryMisfortuneLeavesNothingBehind) {
  const uint64_t seed = chosenSeed();
  std::printf("WEIR_SOAK_SEED=%llu\n", static_cast<unsigned long long>(seed));
  ASSERT_TRUE(stage_.ready());
  Misfortunes misfortunes(stage_, seed);
  Load kept(stage_.port(), {});
  Load fresh(stage_.port(), {.clients = 4, .new_connections = true});
  const auto end = Clock::now() + std::chrono::seconds(test::longTests() ? 600 : 20);
  while (Clock::now() < end && stage_.weir().process().running()) {
    misfortunes.step();
    ASSERT_TRUE(kept.more(100));
  }
  misfortunes.undoAll();
  ASSERT_TRUE(stage_.weir().process().running()) << stage_.weir().process().err();
  EXPECT_TRUE(test::eventually([&] {
    return stage_.weir().stat("cluster_healthy_members") ==
               static_cast<int64_t>(Misfortunes::kNames.size()) &&
           stage_.weir().stat("cluster_ejected") == 0;
  }));
  const auto calm = Clock::now();
  ASSERT_TRUE(kept.more(300));
  std::vector<Answer> answers = kept.stop();
  const int after = failuresOf(between(answers, calm, Clock::time_point::max()));
  const std::vector<Answer> others = fresh.stop();
  answers.insert(answers.end(), others.begin(), others.end());
  const int failed = failuresOf(answers);
  std::printf(
      "%d misfortunes, %zu requests, %d failed, %d of those when all was well again; "
      "%zu events; %lld retries\n",
      misfortunes.done(), answers.size(), failed, after, stage_.events().all().size(),
      static_cast<long long>(stage_.weir().stat("cluster_retries_total")));
  EXPECT_EQ(after, 0);
  EXPECT_EQ(failed, 0) << reasons();
  EXPECT_EQ(stage_.weir().stat("routing_violations_total"), 0);
  expectNothingLeft();
  stage_.weir().process().signal(SIGTERM);
  EXPECT_EQ(stage_.weir().process().wait(), 0) << stage_.weir().process().err();
}

}  // namespace
}  // namespace weir
