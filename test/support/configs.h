#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::test {

// Configuration texts that many tests need. `manager` and `cluster` are further fields of those
// messages.

// A connection manager on listener "edge" (port 0) that sends everything to cluster "origin".
inline std::string edgeListener(
    std::string_view manager = {},
    std::string_view routes = R"(routes { route { cluster: "origin" } })") {
  return R"(listeners { name: "edge" address: "127.0.0.1:0"
  filter_chains { filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*" )" +
         std::string(routes) + " }\n" + std::string(manager) + "\n} } } } }\n";
}

inline std::string cluster(std::string_view name, const std::vector<std::string>& addresses,
                           std::string_view fields = {}) {
  std::string text = "clusters { name: \"" + std::string(name) + "\" ";
  for (const std::string& address : addresses)
    text += "endpoints { address: \"" + address + "\" } ";
  return text + std::string(fields) + " }\n";
}

inline std::string runtime(int workers = 2, std::string_view fields = {}) {
  return "runtime { workers: " + std::to_string(workers) + " " + std::string(fields) +
         " }\nadmin { address: \"127.0.0.1:0\" }\n";
}

}  // namespace weir::test
