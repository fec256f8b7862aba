#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/http/filter.h"
#include "source/http/matchers.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::health_check {

// What an operator says of this process. Thread-safe.
struct HealthWord {
  std::atomic<bool> failing{false};
};

// The last answer of an endpoint to a check, for all workers. Thread-safe.
class KeptStatus {
 public:
  // 0: there is none any more.
  uint16_t find(event::MonotonicTime now) const;
  void keep(uint16_t status, event::MonotonicTime until);

 private:
  // The status in the lowest 16 bits, above it milliseconds of the monotonic clock.
  std::atomic<uint64_t> packed_{0};
};

struct HealthCheckStats {
  stats::CounterId well, failing, kept, passed;
};

// What the filter or a route says. Immutable.
struct HealthCheckSettings {
  struct Cluster {
    std::string name;
    double min_healthy = 0.5;
  };
  std::string path;
  std::vector<http::HeaderMatcher> headers;  // all must hold
  bool pass_through = false;
  std::chrono::milliseconds cache_time{0};  // 0: nothing is kept
  std::vector<Cluster> clusters;
  std::shared_ptr<KeptStatus> kept = std::make_shared<KeptStatus>();
  std::shared_ptr<const HealthWord> word;
  HealthCheckStats stats = {};
};

// Immutable.
class HealthCheckRoute final : public http::RouteFilterConfig {
 public:
  explicit HealthCheckRoute(HealthCheckSettings settings) : settings(std::move(settings)) {}
  const HealthCheckSettings settings;
};

// Immutable.
class HealthCheckFactory final : public http::HttpFilterFactory {
 public:
  explicit HealthCheckFactory(HealthCheckSettings settings) : settings_(std::move(settings)) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const HealthCheckSettings settings_;
};

}  // namespace weir::extensions::http_filters::health_check
