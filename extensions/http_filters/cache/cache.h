#pragma once

#include <memory>

#include "extensions/http_filters/cache/cache_rules.h"
#include "extensions/http_filters/cache/cache_stats.h"
#include "extensions/http_filters/cache/cache_store.h"
#include "source/http/filter.h"

namespace weir::extensions::http_filters::cache {

// Answers requests from a store, and stores what comes from the origin (RFC 9111). Immutable.
class CacheFilterFactory final : public http::HttpFilterFactory {
 public:
  CacheFilterFactory(CacheRules rules, std::shared_ptr<CacheStore> store, const CacheStats& stats)
      : rules_(std::move(rules)), store_(std::move(store)), stats_(stats) {}

  const CacheRules& rules() const { return rules_; }
  const std::shared_ptr<CacheStore>& store() const { return store_; }
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const CacheRules rules_;
  const std::shared_ptr<CacheStore> store_;
  const CacheStats stats_;
};

}  // namespace weir::extensions::http_filters::cache
