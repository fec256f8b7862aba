#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "extensions/http_filters/rbac/rules.h"
#include "source/http/filter.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::rbac {

// A list of rules with a counter for what each has decided, the default last. Immutable.
struct CountedRules {
  RuleList list;
  std::vector<stats::CounterId> decided;
};

// Of the filter or of a route, validated. Immutable.
struct RbacSettings final : http::RouteFilterConfig {
  CountedRules rules;
  std::optional<CountedRules> shadow;
  uint16_t status = 403;
  std::string body;
};

// Immutable.
class RbacFactory final : public http::HttpFilterFactory {
 public:
  RbacFactory(std::shared_ptr<const RbacSettings> settings, std::string label)
      : settings_(std::move(settings)), label_(std::move(label)) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;
  const std::string& label() const { return label_; }

 private:
  const std::shared_ptr<const RbacSettings> settings_;
  const std::string label_;
};

}  // namespace weir::extensions::http_filters::rbac
