#include "test/extensions/http_filters/common/findings.h"

#include "extensions/all_extensions.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::http_filters {
namespace {

std::string textOf(const FilterFile& file) {
  const std::string of_route =
      file.route.empty() ? ""
                         : base::concat("filters { name: \"it\" config { ", file.route, " } }");
  return base::concat(R"(listeners {
  name: "edge" address: "127.0.0.1:8080"
  filter_chains { filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*" routes { direct_response { status: 200 }
      )",
                      of_route, " } } ", file.before, R"(
    http_filters { config { )",
                      file.filter, R"( } name: "it" }
  } } } }
}
clusters { name: "auth" endpoints { address: "127.0.0.1:9" } })");
}

}  // namespace

std::string findings(const FilterFile& file, stats::Store& stats) {
  base::Registry registry;
  EXPECT_TRUE(registerAllExtensions(registry).ok());
  config::Loader loader(registry, stats);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(textOf(file), file.name, 1, diagnostics);
  EXPECT_EQ(snapshot != nullptr, diagnostics.ok());
  return diagnostics.toString();
}

std::string findings(std::string_view filter, std::string_view route) {
  stats::Store stats;
  return findings({.filter = filter, .route = route}, stats);
}

std::string FilterConfigTest::findings(std::string_view fields, std::string_view of_route) {
  const std::string filter = settings(fields);
  const std::string route = of_route.empty() ? "" : settings(of_route);
  return http_filters::findings({.filter = filter, .route = route}, stats_);
}

std::string FilterConfigTest::settings(std::string_view fields) const {
  return base::concat("[http_filters/", filter_, "] { ", fields, " }");
}

}  // namespace weir::extensions::http_filters
