#pragma once

#include "source/http/filter_chain.h"
#include "source/router/route_table.h"

namespace weir::router {

// Answers the stream with what its route says. Passes the filters like an answer from an endpoint;
// a gRPC call gets a status. Nothing of the stream may be touched afterwards.
void respondDirectly(http::FilterChain& chain, const DirectResponseAction& action);

}  // namespace weir::router
