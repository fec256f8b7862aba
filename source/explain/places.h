#pragma once

#include <string>

#include "source/config/snapshot.h"
#include "source/explain/explanation.h"
#include "source/explain/request.h"

namespace weir::explain {

// The listener that the request comes to: the one named, else that of the URL's port. Null after
// saying in `out` why there is none.
const network::ListenerConfig* placeOf(const config::Snapshot& snapshot, const Request& request,
                                       const std::string& named, Explanation& out);

// The filter chain that a connection of the request gets. Null after saying in `out` why none does.
const network::FilterChainConfig* chainOf(const network::ListenerConfig& listener,
                                          const Request& request, Explanation& out);

}  // namespace weir::explain
