#include "extensions/access_loggers/lua/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/all_extensions.h"
#include "source/config/snapshot.h"
#include "source/stats/stats.h"

namespace weir::extensions::access_loggers::lua {
namespace {

using ::testing::HasSubstr;

// The findings for a listener that logs with `fields`, or "".
std::string findings(const std::string& fields) {
  base::Registry registry;
  EXPECT_TRUE(extensions::registerAllExtensions(registry).ok());
  stats::Store stats;
  config::Loader loader(registry, stats);
  config::Diagnostics diagnostics;
  const std::string text = R"(listeners { name: "edge" address: "127.0.0.1:0"
    filter_chains { filters { config { [network_filters/http_connection_manager] {
      virtual_hosts { name: "all" domains: "*" routes { direct_response { status: 200 } } }
      access_logs { config { [access_loggers/lua] { )" +
                           fields + "\n} } } } } } } }";
  loader.loadText(text, "test.textproto", 1, diagnostics);
  return diagnostics.toString();
}

TEST(LuaLoggerConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings(R"(script { inline: "function on_log() end" })"), "");
  EXPECT_EQ(findings(R"(script { inline: "function on_log() end" } path: "access.log")"), "");
}

TEST(LuaLoggerConfig, RefusesWithPosition) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "config.script"},
      {R"(script { inline: "function on_lag() end" })", "defines no global function on_log"},
      {R"(script { inline: "function" })", "access_loggers/lua:1: "},
      {R"(script { inline: "function on_log() end" on_error: CONTINUE })",
       "on_error: has no effect here"},
      {R"(script { inline: "function on_log() end" } path: "/nonexistent/a.log")",
       "folder \"/nonexistent\" does not exist"},
      {R"(script { inline: "function on_log() end" } path: "/tmp")", "\"/tmp\" is a folder"},
  };
  for (const auto& [fields, expected] : cases) {
    EXPECT_THAT(findings(fields), HasSubstr(expected));
    EXPECT_THAT(findings(fields), HasSubstr("test.textproto:4:"));
  }
}

}  // namespace
}  // namespace weir::extensions::access_loggers::lua
