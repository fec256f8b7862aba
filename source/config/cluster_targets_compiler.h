#pragma once

#include <memory>
#include <string>
#include <vector>

#include "source/config/compiler.h"
#include "source/config/diagnostics.h"
#include "source/router/cluster_targets.h"

namespace weir::config {

namespace v1 {
class RouteAction;
}

// Reads and checks where a route sends; `at` is the RouteAction. Null: always to `cluster`.
std::shared_ptr<const router::ClusterTargets> compileClusterTargets(const v1::RouteAction& from,
                                                                    const Cursor& at,
                                                                    const Compiler& compiler);
// The clusters that it names; none: requests do.
std::vector<std::string> clustersOf(const v1::RouteAction& from);

}  // namespace weir::config
