#pragma once

#include <string>
#include <string_view>

namespace weir::server {

class Server;

// What is in the shared dictionaries of the running configuration, and how it fares, in the
// Prometheus text format: only names that contain `filter`. Main-thread only.
std::string dictionaryMetrics(Server& server, std::string_view filter);

}  // namespace weir::server
