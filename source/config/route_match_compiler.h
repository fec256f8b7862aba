#pragma once

#include <memory>

#include "source/config/diagnostics.h"
#include "source/router/route_conditions.h"
#include "source/router/route_table.h"

namespace weir::config {

namespace v1 {
class RouteMatch;
}

// Reads and checks what a route matches; `at` is the RouteMatch.
router::PathMatch compilePathMatch(const v1::RouteMatch& from, const Cursor& at);
// Null: it asks for nothing beside the path.
std::shared_ptr<const router::RouteConditions> compileRouteConditions(const v1::RouteMatch& from,
                                                                      const Cursor& at);

}  // namespace weir::config
