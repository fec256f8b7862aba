#pragma once

#include <string>
#include <string_view>

namespace weir::server {

class Server;

// What clusters with stickiness remember, and the clients that each of their endpoints has thereby,
// in the Prometheus text format: only names that contain `filter`. Main-thread only.
std::string stickyMetrics(Server& server, std::string_view filter);

}  // namespace weir::server
