#pragma once

#include <chrono>
#include <optional>

#include "source/event/dispatcher.h"
#include "source/http/header_map.h"
#include "source/router/route_table.h"

namespace weir::router {

// How long an answer asks the client to wait before it comes again: what the first of the policy's
// fields that it has says, else Retry-After. Nothing: it does not say, or nothing that can be
// understood.
std::optional<std::chrono::milliseconds> retryAfter(const RetryPolicy& policy,
                                                    const http::HeaderMap& fields,
                                                    event::SystemTime now);

}  // namespace weir::router
