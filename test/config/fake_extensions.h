#pragma once

#include <memory>
#include <string>

#include "source/base/registry.h"
#include "source/config/extensions.h"

namespace weir::config {

// A registry whose extensions borrow the messages of real ones and do as little as the compiler can
// do with: network_filters/http_connection_manager (terminal; compiles its virtual hosts, HTTP
// filters and access loggers), network_filters/tap, http_filters/tag, load_balancing/round_robin
// and least_request, transport_sockets/plain. Main-thread only.
std::unique_ptr<base::Registry> fakeRegistry();

}  // namespace weir::config
