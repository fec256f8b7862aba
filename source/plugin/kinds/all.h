#pragma once

#include "source/plugin/kinds.h"

// The kinds of extensions that plugins offer, each from its own file. Immutable.
namespace weir::plugin {

extern const KindType kNetworkFilterType;  // network_filter.cc
extern const KindType kLoadBalancingType;  // load_balancing.cc
extern const KindType kHealthCheckerType;  // health_checker.cc
extern const KindType kStickinessType;     // stickiness.cc
extern const KindType kAccessLoggerType;   // access_logger.cc
extern const KindType kRouteProviderType;  // route_provider.cc

}  // namespace weir::plugin
