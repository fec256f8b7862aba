#pragma once

#include <optional>

#include "source/config/compiler.h"
#include "source/router/route_table.h"

namespace weir::config {

namespace v1 {
class RouteAction;
class VirtualHost;
}  // namespace v1

// What the virtual host's routes have that say nothing of it themselves. `at`: the virtual host.
std::optional<router::RetryPolicy> compileRetryDefault(const v1::VirtualHost& from,
                                                       const Cursor& at);

// Retries, mirrors, internal redirects and second attempts of a route; `action` has its timeout.
void compileResilience(const v1::RouteAction& from,
                       const std::optional<router::RetryPolicy>& retry_default,
                       const Compiler& compiler, const Cursor& at, router::ClusterAction& action);

}  // namespace weir::config
