#pragma once

#include <memory>
#include <string>
#include <utility>

#include "extensions/http_filters/common/access/prefix_lists.h"
#include "extensions/http_filters/common/access/shared_slot.h"
#include "source/http/filter.h"
#include "source/http/route.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::ip_filter {

// What decides on requests. Immutable, but for the lists, which follow their files.
struct IpRules {
  SharedSlot<network::CidrSet> lists;
  bool allow_by_default = true;
  bool direct_peer = false;
  bool shadow = false;
  uint16_t status = 403;
  std::string body;
};

// The rules of a route. Immutable.
struct IpFilterRoute final : http::RouteFilterConfig {
  explicit IpFilterRoute(std::shared_ptr<const IpRules> r) : rules(std::move(r)) {}
  const std::shared_ptr<const IpRules> rules;
};

// What the filter counts. Value.
struct IpFilterStats {
  stats::CounterId allowed;
  stats::CounterId denied;
  stats::CounterId shadow_denied;
};

// Immutable.
class IpFilterFactory final : public http::HttpFilterFactory {
 public:
  IpFilterFactory(std::shared_ptr<const IpRules> rules, const IpFilterStats& stats,
                  std::string label)
      : rules_(std::move(rules)), stats_(stats), label_(std::move(label)) {}

  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;
  const std::string& label() const { return label_; }

 private:
  const std::shared_ptr<const IpRules> rules_;
  const IpFilterStats stats_;
  const std::string label_;
};

}  // namespace weir::extensions::http_filters::ip_filter
