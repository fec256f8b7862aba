#include "extensions/routing/lua/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/all_extensions.h"
#include "source/config/snapshot.h"
#include "source/stats/stats.h"

namespace weir::extensions::routing::lua {
namespace {

using ::testing::HasSubstr;

// The findings for a listener whose routes come from a script with `fields`, or "".
std::string findings(const std::string& fields) {
  base::Registry registry;
  EXPECT_TRUE(extensions::registerAllExtensions(registry).ok());
  stats::Store stats;
  config::Loader loader(registry, stats);
  config::Diagnostics diagnostics;
  const std::string text = R"(listeners { name: "edge" address: "127.0.0.1:0"
    filter_chains { filters { config { [network_filters/http_connection_manager] {
      route_provider { config { [routing/lua] { )" +
                           fields + "\n} } } } } } } }";
  loader.loadText(text, "test.textproto", 1, diagnostics);
  return diagnostics.toString();
}

TEST(LuaRoutingConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings(R"(script { inline: "function route() end" })"), "");
  EXPECT_EQ(findings(R"(script { inline: "function route() end" on_error: CONTINUE }
                        max_routes: 100000)"),
            "");
}

TEST(LuaRoutingConfig, RefusesWithPosition) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "config.script"},
      {R"(script { inline: "function rout() end" })", "defines no global function route"},
      {R"(script { inline: "x = = 2" })", "routing/lua:1: "},
      {R"(script { inline: "function route() end" } max_routes: 100001)", "it must be 1 to 100000"},
  };
  for (const auto& [fields, expected] : cases) {
    EXPECT_THAT(findings(fields), HasSubstr(expected));
    EXPECT_THAT(findings(fields), HasSubstr("test.textproto:3:"));
  }
}

}  // namespace
}  // namespace weir::extensions::routing::lua
