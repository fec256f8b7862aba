#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "source/http/filter.h"
#include "source/http/matchers.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::csrf {

// From where requests may come. Immutable.
struct CsrfPolicy final : http::RouteFilterConfig {
  std::vector<http::TextMatcher> additional_origins;
  http::Fraction enforced;
  bool shadow = false;
};

// What the filter counts. Value.
struct CsrfStats {
  stats::CounterId allowed;
  stats::CounterId missing;
  stats::CounterId foreign;
  stats::CounterId shadow_denied;
};

// "scheme://host[:port]" of an Origin or Referer; empty when it is neither.
std::string_view originIn(std::string_view field);
// Whether `origin` is of the host that `authority` names; the usual port of its scheme may be left
// out on either side.
bool isOfHost(std::string_view origin, std::string_view authority);

// Immutable.
class CsrfFactory final : public http::HttpFilterFactory {
 public:
  CsrfFactory(std::shared_ptr<const CsrfPolicy> policy, const CsrfStats& stats)
      : policy_(std::move(policy)), stats_(stats) {}

  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<const CsrfPolicy> policy_;
  const CsrfStats stats_;
};

}  // namespace weir::extensions::http_filters::csrf
