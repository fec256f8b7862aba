#pragma once

#include <string_view>

#include "source/http/message.h"
#include "source/http/stream_info.h"
#include "source/router/route_explanation.h"
#include "source/router/route_table.h"

namespace weir::router {

// How `host`, which a table has found for the head, comes to its route, by asking one route after
// the other. `path`: without query.
RouteExplanation explainHost(const VirtualHost& host, std::string_view path,
                             const http::RequestHead& head, const http::StreamInfo& info);

}  // namespace weir::router
