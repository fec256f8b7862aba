#pragma once

#include <string_view>

#include "source/http/filter_chain.h"
#include "source/http/header_rules.h"
#include "source/router/route_table.h"

namespace weir::router {

// Does to a request that goes to a cluster what its route says: finds the target and host that
// endpoints are asked for (StreamInfo::upstream_path, upstream_authority), and applies the rules
// for fields, those of the connection manager (null: none) first. Once per route, before anybody
// picks an endpoint or copies the head. The static text of what is wrong with the request, for 400;
// empty: nothing.
std::string_view actOnRequest(const RouteEntry& route, const http::HeaderRules* manager,
                              http::FilterChainContext& context);

}  // namespace weir::router
