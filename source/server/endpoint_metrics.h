#pragma once

#include <string>
#include <string_view>

namespace weir::server {

class Server;

// What the endpoints of all clusters have done, in the Prometheus text format, as the statistics
// store writes its own: only names that contain `filter`. An endpoint is there as long as it is a
// member. Main-thread only.
std::string endpointMetrics(Server& server, std::string_view filter);

}  // namespace weir::server
