// Origins die or hang under load. How long it takes until Weir leaves them alone, and how many
// requests fail before and after: without retries, with what Weir does by itself, and with a policy
// (docs/health.md, docs/retries.md).

#include <array>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "test/e2e/health_stage.h"

namespace weir {
namespace {

using test::Clock;
using test::HealthOrigin;
using test::Load;
using test::milliseconds;
using test::Shown;
using test::Stage;

enum class Retries { kNone, kDefault, kPolicy };
constexpr std::array<std::pair<Retries, const char*>, 3> kAll = {
    std::pair(Retries::kNone, "none"), std::pair(Retries::kDefault, "default"),
    std::pair(Retries::kPolicy, "policy")};

std::string clusterFields(Retries retries, bool quick) {
  const std::string_view limits = retries == Retries::kNone     ? test::kNoRetries
                                  : retries == Retries::kPolicy ? test::kRoomForRetries
                                                                : std::string_view();
  return test::checks(quick) + std::string(limits);
}

std::string routeFields(Retries retries, const std::string& timeout, const std::string& per_try) {
  return "timeout { " + timeout + " } " +
         (retries == Retries::kPolicy ? test::retryOnEverything(per_try) : "");
}

// What comes of a fault of origin 'b' while clients ask; nobody fails once it is found to be down.
Shown underLoad(Stage& stage, void (HealthOrigin::*fail)(), const char* scenario,
                const char* retries, const Load::Options& options = {}) {
  if (!stage.ready()) {
    ADD_FAILURE() << "Weir does not run";
    return {};
  }
  Load load(stage.port(), options);
  EXPECT_TRUE(load.more(200));
  EXPECT_EQ(load.failures(), 0);
  const auto fault = Clock::now();
  (stage.origin('b').*fail)();
  const auto found = stage.events().becomes("b", "unhealthy", milliseconds(10'000));
  EXPECT_TRUE(found);
  EXPECT_TRUE(load.more(200));
  const Shown row = sumUp(load, scenario, retries, fault, found);
  show(row);
  EXPECT_EQ(row.failed_after, 0);
  return row;
}

class HealthKilled : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { test::showHead(); }
};

// The same with each kind of retries, one after the other.
TEST_F(HealthKilled, RefusedConnectionsUnderLoad) {
  for (const auto& [retries, name] : kAll) {
    Stage stage({.cluster = clusterFields(retries, /*quick=*/true),
                 .route = routeFields(retries, "seconds: 2", "nanos: 500000000")});
    const Shown row = underLoad(stage, &HealthOrigin::kill, "killed, quick checks", name);
    // What was on its way when the origin died may be lost without a policy.
    if (retries == Retries::kDefault) {
      EXPECT_LE(row.failed_before, 8);
    }
    if (retries == Retries::kPolicy) {
      EXPECT_EQ(row.failed_before, 0);
    }
  }
}

TEST_F(HealthKilled, HangsUnderLoad) {
  for (const auto& [retries, name] : kAll) {
    if (retries == Retries::kDefault) continue;  // the same as none: the request has been sent
    Stage stage({.cluster = clusterFields(retries, /*quick=*/true),
                 .route = routeFields(retries, "nanos: 600000000", "nanos: 150000000")});
    const Shown row = underLoad(stage, &HealthOrigin::hang, "hangs, quick checks", name);
    if (retries == Retries::kNone) {
      EXPECT_GT(row.failed_before, 0);
    }
    if (retries == Retries::kPolicy) {
      EXPECT_EQ(row.failed_before, 0);
    }
  }
}

// A connection for each request, at layer 4: another endpoint is tried, as tcp_proxy does.
TEST_F(HealthKilled, TcpProxy) {
  Stage stage({.cluster = test::checks(/*quick=*/true, "[health_checkers/tcp] {}"),
               .listener = "tcp_proxy"});
  const Shown row = underLoad(stage, &HealthOrigin::kill, "killed, tcp_proxy", "default",
                              {.new_connections = true});
  EXPECT_LE(row.failed_before, 8) << "sessions that ran when it died";
}

// --- With the settings that everybody has ---

struct AtDefaults {
  const char* scenario;
  Retries retries;
  bool traffic;
  void (HealthOrigin::*fault)();
  milliseconds limit;  // what docs/health.md promises
};

Shown runAtDefaults(const AtDefaults& which) {
  Stage stage({.origins = "abc",
               .cluster = clusterFields(which.retries, /*quick=*/false),
               .route = routeFields(which.retries, "seconds: 2", "nanos: 500000000")});
  EXPECT_TRUE(stage.ready());
  std::optional<Load> load;
  if (which.traffic) {
    load.emplace(stage.port(), Load::Options{.clients = 4, .pause = milliseconds(40)});
    EXPECT_TRUE(load->more(40));
  }
  const auto fault = Clock::now();
  (stage.origin('b').*which.fault)();
  const auto found = stage.events().becomes("b", "unhealthy", milliseconds(30'000));
  EXPECT_TRUE(found);
  // Who comes only now meets no endpoint that is down.
  if (!load) load.emplace(stage.port(), Load::Options{.clients = 4, .pause = milliseconds(40)});
  EXPECT_TRUE(load->more(60));
  return sumUp(*load, which.scenario, kAll[static_cast<size_t>(which.retries)].second, fault,
               found);
}

TEST_F(HealthKilled, AtTheDefaults) {
  const std::vector<AtDefaults> all = {
      {"killed, traffic", Retries::kNone, true, &HealthOrigin::kill, milliseconds(3'000)},
      {"killed, traffic", Retries::kPolicy, true, &HealthOrigin::kill, milliseconds(3'000)},
      {"killed, no traffic", Retries::kNone, false, &HealthOrigin::kill, milliseconds(8'000)},
      {"hangs, traffic", Retries::kNone, true, &HealthOrigin::hang, milliseconds(15'000)},
      {"hangs, traffic", Retries::kPolicy, true, &HealthOrigin::hang, milliseconds(15'000)},
  };
  std::vector<Shown> rows(all.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < all.size(); ++i) {
    threads.emplace_back([&rows, &all, i] { rows[i] = runAtDefaults(all[i]); });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < all.size(); ++i) {
    show(rows[i]);
    ASSERT_TRUE(rows[i].detected);
    EXPECT_LE(*rows[i].detected, all[i].limit) << all[i].scenario;
    EXPECT_EQ(rows[i].failed_after, 0) << all[i].scenario;
    if (all[i].retries == Retries::kPolicy) {
      EXPECT_EQ(rows[i].failed_before, 0) << all[i].scenario;
    }
  }
}

}  // namespace
}  // namespace weir
