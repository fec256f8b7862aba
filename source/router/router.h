#pragma once

#include <memory>
#include <string>
#include <vector>

#include "source/http/connection_manager.h"
#include "source/http/header_rules.h"
#include "source/router/route_table.h"

namespace weir::router {

struct RouterSettings {
  std::shared_ptr<const RouteTable> table;
  // Of the connection manager: applied to what goes to clusters, before those of routes. Null:
  // none.
  std::shared_ptr<const http::HeaderRules> request_headers = {};
};

// Makes the Router (the terminal of each downstream stream): acts on the matched RouteEntry —
// direct response, redirect, or a cluster: pick, pool, request, answer, with timeouts and the one
// safe retry. Immutable.
std::shared_ptr<const http::TerminalFactory> createRouterFactory(RouterSettings settings);
std::shared_ptr<const http::TerminalFactory> createRouterFactory(
    std::shared_ptr<const RouteTable> table);

}  // namespace weir::router
