#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "source/upstream/health_policy.h"

namespace weir::control {

// Why an endpoint is taken out.
enum class EjectionReason : uint8_t {
  kConsecutive5xx,
  kConsecutiveGatewayErrors,
  kConsecutiveConnectFailures,
  kSuccessRate,
  kFailurePercentage,
  kLatency
};
inline constexpr size_t kEjectionReasons = 6;
// "consecutive_5xx": of metrics and events.
std::string_view ejectionReasonName(EjectionReason reason);

// What traffic has come to at one endpoint, in all or between two moments. Value.
struct OutlierSample {
  uint64_t good = 0;       // requests and L4 sessions that were served
  uint64_t bad = 0;        // that were not
  uint64_t timed = 0;      // of the good ones: how long the answer took is known
  uint64_t waited_us = 0;  // these times, all together

  uint64_t requests() const { return good + bad; }
  // Since `before`, which is not later.
  OutlierSample since(const OutlierSample& before) const;
};

// An endpoint that is worse than the others, or than the policy allows. Value.
struct Outlier {
  size_t index = 0;  // of its sample
  EjectionReason reason = EjectionReason::kSuccessRate;
  std::string cause = {};  // for people
};

// What deviates less is noise, whatever the standard deviation: an endpoint of good rates is not
// taken out because the others are still better.
inline constexpr double kLeastRateDifference = 1.0;  // percentage points below the mean
inline constexpr uint64_t kLeastFailures = 5;
inline constexpr double kLeastMedianUs = 1000;  // a lower median counts as this

// Pure: which endpoints their samples of the same interval show to be outliers, each once. Those by
// failure percentage come first, then by success rate, then by latency, the worst of each in front.
//
// Success rate, as in Envoy: 100 * good / requests, of endpoints with at least min_requests, when
// there are at least success_rate_min_endpoints of them; below mean - factor * (population)
// standard deviation is an outlier, unless that is noise (above). Latency: the mean time of the
// first byte, of endpoints with min_requests known times, against the median of those means, when
// there are at least 3.
std::vector<Outlier> findOutliers(std::span<const OutlierSample> samples,
                                  const upstream::OutlierPolicy& policy);

}  // namespace weir::control
