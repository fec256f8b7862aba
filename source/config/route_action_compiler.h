#pragma once

#include <memory>

#include "source/config/diagnostics.h"
#include "source/router/route_actions.h"
#include "source/router/route_table.h"

namespace weir::config {

namespace v1 {
class DirectResponse;
class Redirect;
class Route;
class VirtualHost;
}  // namespace v1

// What a virtual host says of headers and limits, for its routes.
router::RouteActions compileHostActions(const v1::VirtualHost& from, const Cursor& at);

// What `from` says of headers, limits, rewriting and waiting bodies, after what its virtual host
// says. `entry` has its match, and its action. Null: nothing at all.
std::shared_ptr<const router::RouteActions> compileRouteActions(const v1::Route& from,
                                                                const router::RouteActions& host,
                                                                const router::RouteEntry& entry,
                                                                const Cursor& at);

router::RedirectAction compileRedirect(const v1::Redirect& from, const router::PathMatch& match,
                                       const Cursor& at);
// Bodies from files are read.
router::DirectResponseAction compileDirectResponse(const v1::DirectResponse& from,
                                                   const Cursor& at);

}  // namespace weir::config
