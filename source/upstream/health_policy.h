#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "source/upstream/health_checker.h"

namespace weir::upstream {

// When one check probes, and what its results make of an endpoint. Value.
struct CheckTimes {
  std::chrono::milliseconds interval{5'000};
  std::chrono::milliseconds timeout{3'000};
  std::chrono::milliseconds confirm_interval{1'000};     // while a change is being confirmed
  std::chrono::milliseconds no_traffic_interval{5'000};  // while the cluster has no traffic
  uint32_t unhealthy_threshold = 3;
  uint32_t healthy_threshold = 2;
  uint32_t jitter_percent = 10;
  bool first_check_waits = false;  // what has not been checked yet gets no traffic

  bool operator==(const CheckTimes&) const = default;
};

// One active check of a cluster. Immutable.
struct HealthCheckConfig {
  std::string name;  // unique in the cluster
  // What all but `times` was made of: as long as it is the same, a running check goes on.
  std::string identity;
  CheckTimes times;
  uint16_t port = 0;  // 0: the endpoint's own
  CheckSettings settings;
  std::shared_ptr<const HealthCheckerFactory> factory;
};

// When real traffic takes an endpoint out. Value.
struct OutlierPolicy {
  uint32_t consecutive_5xx = 5;               // 0: never
  uint32_t consecutive_gateway_errors = 5;    // 0: never
  uint32_t consecutive_connect_failures = 5;  // 0: never
  std::chrono::milliseconds interval{10'000};
  std::chrono::milliseconds base_ejection_time{30'000};
  std::chrono::milliseconds max_ejection_time{300'000};
  uint32_t max_ejection_percent = 10;
  double success_rate_stdev_factor = 1.9;  // 0: never
  uint32_t success_rate_min_endpoints = 5;
  uint32_t min_requests = 100;
  uint32_t failure_percentage = 0;         // 0: never
  uint32_t latency_percent_of_median = 0;  // 0: never

  bool operator==(const OutlierPolicy&) const = default;
};

// What becomes of what runs at an endpoint that gets nothing new. Value.
struct DrainPolicy {
  std::chrono::milliseconds timeout{30'000};  // then it is broken off
  enum class OnUnhealthy : uint8_t { kFinish, kClose, kKeep };
  OnUnhealthy on_unhealthy = OnUnhealthy::kFinish;

  bool operator==(const DrainPolicy&) const = default;
};

}  // namespace weir::upstream
