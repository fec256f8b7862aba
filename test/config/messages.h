#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "source/base/concat.h"
#include "source/config/snapshot.h"
#include "test/config/fake_extensions.h"

// For tests of what people read when a configuration is wrong: files with a part left open, and
// what is found in them.

namespace weir::config {

inline constexpr std::string_view kClusters = R"(
clusters { name: "web" endpoints { address: "10.0.0.1:80" } }
clusters { name: "api" endpoints { address: "10.0.0.2:80" } }
)";

inline std::string findings(std::string_view text) {
  const auto registry = fakeRegistry();
  stats::Store store;
  Loader loader(*registry, store);
  Diagnostics diagnostics;
  const auto snapshot = loader.loadText(text, "w.textproto", 1, diagnostics);
  EXPECT_EQ(snapshot == nullptr, !diagnostics.ok());
  return diagnostics.toString();
}

// `route` is at line 1, after 100 columns at most.
inline std::string withRoute(std::string_view route) {
  return base::concat(
      "listeners { name: \"l\" address: \"127.0.0.1:80\" filter_chains { filters { config {"
      " [network_filters/http_connection_manager] {\n"
      "virtual_hosts { name: \"v\" domains: \"*\" routes {\n",
      route, "\n} } } } } } }", kClusters);
}
// What withRoute's routes have in front of their path.
inline constexpr std::string_view kRoute =
    "listeners[0].filter_chains[0].filters[0].config.virtual_hosts[0].routes[0]";

inline std::string withHosts(std::string_view hosts) {
  return base::concat(
      "listeners { name: \"l\" address: \"127.0.0.1:80\" filter_chains { filters { config {"
      " [network_filters/http_connection_manager] {\n",
      hosts, "\n} } } } }", kClusters);
}
inline constexpr std::string_view kHosts =
    "listeners[0].filter_chains[0].filters[0].config.virtual_hosts";

inline std::string withListener(std::string_view listener) {
  return base::concat("listeners {\n", listener, "\n}", kClusters);
}
inline constexpr std::string_view kChain =
    "filter_chains { filters { config { [network_filters/http_connection_manager] { virtual_hosts "
    "{ name: \"v\" domains: \"*\" routes { route { cluster: \"web\" } } } } } } }";

inline std::string withCluster(std::string_view cluster) {
  return base::concat("admin { address: \"127.0.0.1:1\" }\nclusters {\n", cluster, "\n}");
}

}  // namespace weir::config
