#pragma once

#include <cstdint>

#include "source/http/filter_chain.h"
#include "source/router/resilience.h"

namespace weir::router {

// An endpoint has answered with `status`, and its head is in the chain's context: whether the
// request goes where it leads. If so, the request's head is that of the new request, and
// `keeps_body` says whether the body goes as well; else nothing has changed. What is not followed
// the client gets.
bool followRedirect(const InternalRedirectPolicy& policy, uint16_t status, http::FilterChain& chain,
                    bool& keeps_body);

}  // namespace weir::router
