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
#include "source/http/filter.h"
#include "source/http/matchers.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::local_rate_limit {

// The buckets of the limits of one name. Thread-safe.
struct LimitBuckets {
  LimitBuckets(size_t keys, base::HashKey secret) : by_key(keys, secret) {}
  explicit LimitBuckets(base::HashKey secret) : by_key(0, secret) {}
  TokenBucket all;  // for limits without a key
  TokenBuckets by_key;
};

struct LimitStats {
  stats::CounterId passed, refused, shadowed, displaced;
};

// One limit. Immutable.
struct Limit {
  std::string name = {};
  RequestKey key = {};
  std::vector<http::HeaderMatcher> headers = {};  // all must hold
  TokenRate rate = {};
  uint64_t requests = 1;
  std::chrono::milliseconds per{1000};
  bool shadow = false;
  std::shared_ptr<LimitBuckets> buckets = nullptr;
  LimitStats stats = {};
};

struct FilterStats {
  stats::CounterId exempt, limited, unlimited;
};

// What the filter or a route says. Immutable.
struct LocalRateLimitSettings {
  static constexpr size_t kMaxLimits = 16;
  std::vector<Limit> limits;
  bool add_limits = false;  // of a route: to those of the filter
  LimitScope scope;
};

// Immutable.
class LocalRateLimitRoute final : public http::RouteFilterConfig {
 public:
  explicit LocalRateLimitRoute(LocalRateLimitSettings settings) : settings(std::move(settings)) {}
  const LocalRateLimitSettings settings;
};

// Immutable.
class LocalRateLimitFactory final : public http::HttpFilterFactory {
 public:
  LocalRateLimitFactory(std::string name, LocalRateLimitSettings settings, FilterStats stats)
      : name_(std::move(name)), settings_(std::move(settings)), stats_(stats) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;
  const std::string& name() const { return name_; }
  const LocalRateLimitSettings& settings() const { return settings_; }
  const FilterStats& stats() const { return stats_; }

 private:
  const std::string name_;
  const LocalRateLimitSettings settings_;
  const FilterStats stats_;
};

}  // namespace weir::extensions::http_filters::local_rate_limit
