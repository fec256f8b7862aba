#pragma once

#include <string>
#include <string_view>

#include "gtest/gtest.h"

#include "extensions/all_extensions.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"
#include "source/stats/stats.h"

namespace weir::extensions::listener_filters {

// The findings for a listener with `filter`, which stands on line 2; "" when it is right.
inline std::string findings(std::string_view filter) {
  base::Registry registry;
  EXPECT_TRUE(extensions::registerAllExtensions(registry).ok());
  stats::Store stats;
  config::Loader loader(registry, stats);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat(
          "listeners { name: \"edge\" address: \"127.0.0.1:0\" listener_filters { config {\n",
          filter,
          "\n} } filter_chains { filters { config { "
          "[network_filters/http_connection_manager] { virtual_hosts { name: \"all\" "
          "domains: \"*\" routes { direct_response { status: 200 } } } } } } } }"),
      "w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  EXPECT_EQ(snapshot->listeners.at(0)->filters.size(), 1u);
  return {};
}

}  // namespace weir::extensions::listener_filters
