#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "extensions/http_filters/adaptive_concurrency/gradient_limit.h"
#include "source/http/filter.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::adaptive_concurrency {

struct LimitStats {
  stats::CounterId passed, refused, samples;
  stats::GaugeId in_flight, limit, min_rtt_us, measuring;
};

// What gauges of one name show in all, over workers and configurations. Thread-safe.
struct ShownState {
  std::atomic<int64_t> limit{0};
  std::atomic<int64_t> min_rtt_us{0};
  std::atomic<int64_t> measuring{0};
};

// A limit, and how it is told of. Immutable, but for what has locks of its own.
struct ConfiguredLimit {
  std::shared_ptr<GradientLimit> limit;
  std::shared_ptr<ShownState> shown;
  LimitStats stats;
  std::string retry_after = "1";  // seconds
};

// Immutable.
class AdaptiveConcurrencyRoute final : public http::RouteFilterConfig {
 public:
  explicit AdaptiveConcurrencyRoute(ConfiguredLimit limit)
      : limit(std::make_shared<const ConfiguredLimit>(std::move(limit))) {}
  const std::shared_ptr<const ConfiguredLimit> limit;
};

// Immutable.
class AdaptiveConcurrencyFactory final : public http::HttpFilterFactory {
 public:
  explicit AdaptiveConcurrencyFactory(ConfiguredLimit limit)
      : limit_(std::make_shared<const ConfiguredLimit>(std::move(limit))) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<const ConfiguredLimit> limit_;
};

}  // namespace weir::extensions::http_filters::adaptive_concurrency
