#pragma once

#include <string_view>

#include "source/base/arena.h"
#include "source/http/message.h"
#include "source/router/route_table.h"

namespace weir::router {

// The Location of a redirect: always an absolute URI (RFC 9110, 10.2.2), what the action does not
// name taken from the request. When only the scheme changes, the default port of the old one is
// dropped from the host. In `arena`; empty when the request has something that may not stand in a
// field value, or its path cannot be rewritten.
std::string_view redirectLocation(const RedirectAction& action, const http::RequestHead& head,
                                  base::Arena& arena);

}  // namespace weir::router
