#include "source/plugin/kinds.h"

#include <array>

#include "source/base/concat.h"
#include "source/plugin/kinds/all.h"
#include "source/plugin/kinds/http_filter.h"

namespace weir::plugin {

const KindType* findKindType(uint32_t type) {
  static const std::array kTypes = {
      &kHttpFilterType, &kNetworkFilterType, &kLoadBalancingType, &kHealthCheckerType,
      &kStickinessType, &kAccessLoggerType,  &kRouteProviderType,
  };
  for (const KindType* known : kTypes) {
    if (known->type == type) return known;
  }
  return nullptr;
}

std::string originOf(const Kind& kind) {
  const Plugin::Facts& plugin = kind.plugin().facts();
  return base::concat("plugin ", plugin.name, plugin.version.empty() ? "" : " ", plugin.version,
                      " (", plugin.path, ")");
}

}  // namespace weir::plugin
