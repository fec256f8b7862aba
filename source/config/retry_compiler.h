#pragma once

#include <chrono>

#include "source/config/diagnostics.h"
#include "source/router/route_table.h"

namespace weir::config {

namespace v1 {
class Retry;
}

// When the requests of a route are sent again. `route_timeout`: zero for none.
router::RetryPolicy compileRetry(const v1::Retry& from, std::chrono::milliseconds route_timeout,
                                 const Cursor& at);

}  // namespace weir::config
