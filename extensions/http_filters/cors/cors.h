#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/http/filter.h"
#include "source/http/matchers.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::cors {

// Whose pages may do what. Immutable.
struct CorsPolicy final : http::RouteFilterConfig {
  std::vector<http::TextMatcher> origins;
  bool any_origin = false;
  bool null_origin = false;
  bool credentials = false;
  bool private_network = false;
  bool shadow = false;
  // As they are sent; empty: not at all. "*" with credentials: what the preflight asks for.
  std::string methods = "GET, HEAD, POST";
  std::string headers;
  std::string expose;
  std::string max_age;

  bool allows(std::string_view origin) const;
  // Responses differ by Origin.
  bool varies() const { return !any_origin || credentials; }
};

// What the filter counts. Value.
struct CorsStats {
  stats::CounterId allowed;
  stats::CounterId denied;
  stats::CounterId preflights;
};

// Immutable.
class CorsFactory final : public http::HttpFilterFactory {
 public:
  CorsFactory(std::shared_ptr<const CorsPolicy> policy, const CorsStats& stats)
      : policy_(std::move(policy)), stats_(stats) {}

  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<const CorsPolicy> policy_;
  const CorsStats stats_;
};

}  // namespace weir::extensions::http_filters::cors
