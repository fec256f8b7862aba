#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "source/upstream/endpoint.h"
#include "source/upstream/health_policy.h"

namespace weir::control {

// What came of one probe.
enum class CheckResult : uint8_t {
  kPass,
  kDegraded,  // a pass of an endpoint that asks for less traffic
  kFail,
  kTimeout,  // a failure by silence
  kSkipped,  // it was not asked, for a reason on our side
  kVoid      // it failed while we ourselves stood still
};
inline constexpr size_t kCheckResults = 6;
// "pass"
std::string_view checkResultName(CheckResult result);

// What the results of one check make of one endpoint. The first of all decides alone. After that,
// unhealthy_threshold failures in a row make it unhealthy, and healthy_threshold passes in a row,
// of either kind, make an unhealthy one what the last of them says. Between healthy and degraded it
// takes healthy_threshold passes in a row of the other kind. What is skipped or void changes
// nothing, and breaks no row. Value.
class CheckLaw {
 public:
  // `health`: what the endpoint is taken for until the first result.
  explicit CheckLaw(upstream::Health health = upstream::Health::kUnknown) : health_(health) {}

  // Whether health() is another one now.
  bool take(CheckResult result, const upstream::CheckTimes& times);

  upstream::Health health() const { return health_; }
  // There has been a result.
  bool decided() const { return decided_; }
  // So many results in a row speak against health(); what for is leaning().
  uint32_t run() const { return run_; }
  upstream::Health leaning() const { return leaning_; }
  // Nothing is being confirmed.
  bool settled() const { return decided_ && run_ == 0; }
  // Failures of an endpoint that is not unhealthy (yet).
  bool failing() const { return run_ > 0 && leaning_ == upstream::Health::kUnhealthy; }
  // From the beginning of the last probe to that of the next, before jitter. `idle`: the cluster
  // has had no traffic meanwhile.
  std::chrono::milliseconds pause(const upstream::CheckTimes& times, bool idle) const;

 private:
  upstream::Health health_;
  upstream::Health leaning_ = upstream::Health::kUnknown;
  uint8_t run_ = 0;  // thresholds are at most 100
  bool decided_ = false;
};

// `pause`, longer or shorter by at most `percent` in a hundred of it; `unit`, of [0, 1), says
// where.
std::chrono::milliseconds jittered(std::chrono::milliseconds pause, uint32_t percent, double unit);

// As well as the worse of both.
upstream::Health worseHealth(upstream::Health a, upstream::Health b);

}  // namespace weir::control
