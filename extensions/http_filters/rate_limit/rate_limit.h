#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "extensions/http_filters/common/limit_scope.h"
#include "extensions/http_filters/common/request_key.h"
#include "extensions/http_filters/common/token_buckets.h"
#include "extensions/http_filters/rate_limit/shared_counters.h"
#include "source/http/filter.h"
#include "source/http/matchers.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::rate_limit {

struct LimitStats {
  stats::CounterId passed, refused, shadowed;
};

// What a limit counts in while Redis cannot be asked. Thread-safe.
struct LocalBuckets {
  explicit LocalBuckets(base::HashKey secret) : by_key(kKeys, secret) {}
  static constexpr size_t kKeys = 16'384;
  TokenBuckets by_key;
};

// One limit. Immutable.
struct Limit {
  std::string name = {};
  RequestKey key = {};
  std::vector<http::HeaderMatcher> headers = {};  // all must hold
  uint64_t requests = 1;
  std::chrono::milliseconds per{1000};
  bool shadow = false;
  std::string key_prefix = {};  // in Redis, behind that of the filter: "NAME:PER:"
  CountedLimit counted = {};
  TokenRate local_rate = {};  // for OnFailure::kLocal
  std::shared_ptr<LocalBuckets> local = nullptr;
  LimitStats stats = {};
};

struct FilterStats {
  stats::CounterId exempt, limited, unlimited, failed_passed, failed_refused, failed_local;
};

enum class OnFailure : uint8_t { kPass, kRefuse, kLocal };

// What the filter or a route says. Immutable.
struct RateLimitSettings {
  std::vector<Limit> limits;
  bool add_limits = false;  // of a route: to those of the filter
  std::optional<OnFailure> on_failure;
  LimitScope scope;
};

// Immutable.
class RateLimitRoute final : public http::RouteFilterConfig {
 public:
  explicit RateLimitRoute(RateLimitSettings settings) : settings(std::move(settings)) {}
  const RateLimitSettings settings;
};

// What is the filter's alone. Immutable.
struct RateLimitConfig {
  std::string name;
  double local_share = 1;
  CounterSettings counters;
  RateLimitSettings settings;
  FilterStats stats;
  CounterStats counter_stats;
};

// Immutable.
class RateLimitFactory final : public http::HttpFilterFactory {
 public:
  explicit RateLimitFactory(RateLimitConfig config) : config_(std::move(config)) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;
  const RateLimitConfig& config() const { return config_; }

 private:
  const RateLimitConfig config_;
};

}  // namespace weir::extensions::http_filters::rate_limit
