#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "extensions/http_filters/jwt_auth/provider.h"
#include "extensions/http_filters/jwt_auth/requirement.h"
#include "source/http/filter.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::jwt_auth {

// A requirement, and the providers that it looks at. Immutable.
struct Rule {
  Requirement requirement;
  std::vector<uint32_t> providers;
};

// Immutable.
struct JwtAuthRoute final : http::RouteFilterConfig {
  explicit JwtAuthRoute(Rule r) : rule(std::move(r)) {}
  const Rule rule;
};

// What the filter counts. Value.
struct JwtAuthStats {
  stats::CounterId allowed;
  std::array<stats::CounterId, static_cast<size_t>(Outcome::kCount)> denied;  // by outcome
  stats::CounterId cached;
  stats::CounterId verified;
  std::vector<std::pair<stats::CounterId, stats::CounterId>> fetches;  // by provider: good, bad
};

// The configuration, validated. Immutable, but for the keys.
struct JwtAuthConfig {
  std::string label;
  std::vector<Provider> providers;
  Rule rule;
  std::string realm = "weir";
  size_t cache_tokens = 1024;
  JwtAuthStats stats;
  // Fields that only the filter sets, in lower case.
  std::vector<std::string> own_fields;
};

// Immutable.
class JwtAuthFactory final : public http::HttpFilterFactory {
 public:
  explicit JwtAuthFactory(std::shared_ptr<const JwtAuthConfig> config)
      : config_(std::move(config)) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;
  const JwtAuthConfig& config() const { return *config_; }

 private:
  const std::shared_ptr<const JwtAuthConfig> config_;
};

}  // namespace weir::extensions::http_filters::jwt_auth
