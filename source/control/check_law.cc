#include "source/control/check_law.h"

#include <cmath>
#include <utility>

namespace weir::control {
namespace {

using upstream::CheckTimes;
using upstream::Health;

// What an endpoint is that gives such an answer.
Health saidBy(CheckResult result) {
  switch (result) {
    case CheckResult::kPass:
      return Health::kHealthy;
    case CheckResult::kDegraded:
      return Health::kDegraded;
    case CheckResult::kFail:
    case CheckResult::kTimeout:
      return Health::kUnhealthy;
    case CheckResult::kSkipped:
    case CheckResult::kVoid:
      return Health::kUnknown;
  }
  return Health::kUnknown;
}

int badness(Health health) {
  switch (health) {
    case Health::kHealthy:
      return 0;
    case Health::kDegraded:
      return 1;
    case Health::kUnknown:
      return 2;
    case Health::kUnhealthy:
    case Health::kDraining:
    case Health::kDisabled:
      return 3;
  }
  return 3;
}

}  // namespace

std::string_view checkResultName(CheckResult result) {
  switch (result) {
    case CheckResult::kPass:
      return "pass";
    case CheckResult::kDegraded:
      return "degraded";
    case CheckResult::kFail:
      return "fail";
    case CheckResult::kTimeout:
      return "timeout";
    case CheckResult::kSkipped:
      return "skipped";
    case CheckResult::kVoid:
      return "void";
  }
  return "";
}

bool CheckLaw::take(CheckResult result, const CheckTimes& times) {
  const Health said = saidBy(result);
  if (said == Health::kUnknown) return false;
  if (!std::exchange(decided_, true)) return std::exchange(health_, said) != said;
  if (said == health_) {
    run_ = 0;
    return false;
  }
  const bool any_pass = health_ == Health::kUnhealthy;
  if (run_ == 0 || (said != leaning_ && !any_pass)) run_ = 0;
  leaning_ = said;
  ++run_;
  const uint32_t needed =
      said == Health::kUnhealthy ? times.unhealthy_threshold : times.healthy_threshold;
  if (run_ < needed) return false;
  health_ = said;
  run_ = 0;
  return true;
}

std::chrono::milliseconds CheckLaw::pause(const CheckTimes& times, bool idle) const {
  if (run_ > 0 || !decided_) return times.confirm_interval;
  return idle ? times.no_traffic_interval : times.interval;
}

std::chrono::milliseconds jittered(std::chrono::milliseconds pause, uint32_t percent, double unit) {
  const double part = (2 * unit - 1) * percent / 100;
  return std::chrono::milliseconds(std::llround(static_cast<double>(pause.count()) * (1 + part)));
}

Health worseHealth(Health a, Health b) {
  return badness(a) < badness(b) ? b : a;
}

}  // namespace weir::control
