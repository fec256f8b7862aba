#pragma once

#include <string>

#include "gtest/gtest.h"

#include "extensions/all_extensions.h"
#include "source/config/snapshot.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters {

// The findings for a file that uses `filter` ("[http_filters/x] { … }") and, in its only route,
// `route`; "" when there is none.
inline std::string findings(const std::string& filter, const std::string& route = {}) {
  base::Registry registry;
  EXPECT_TRUE(registerAllExtensions(registry).ok());
  stats::Store stats;
  config::Loader loader(registry, stats);
  config::Diagnostics diagnostics;
  const std::string of_route =
      route.empty() ? "" : "filters { name: \"it\" config { " + route + " } }";
  const std::string text = R"(listeners {
  name: "edge"
  address: "127.0.0.1:8080"
  filter_chains { filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*" routes { direct_response { status: 200 } )" +
                           of_route + R"( } }
    http_filters { name: "it" config {
      )" + filter + R"(
    } }
  } } } }
}
clusters { name: "auth" endpoints { address: "127.0.0.1:9" } })";
  loader.loadText(text, "test.textproto", 1, diagnostics);
  return diagnostics.toString();
}

}  // namespace weir::extensions::http_filters
