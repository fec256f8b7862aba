#include "extensions/access_loggers/stdout/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/all_extensions.h"
#include "source/config/snapshot.h"
#include "source/stats/stats.h"

namespace weir::extensions::access_loggers::stdout {
namespace {

using ::testing::HasSubstr;

// The findings for a listener that logs with `logger`, or "".
std::string findings(const std::string& logger) {
  base::Registry registry;
  EXPECT_TRUE(extensions::registerAllExtensions(registry).ok());
  stats::Store stats;
  config::Loader loader(registry, stats);
  config::Diagnostics diagnostics;
  const std::string text = R"(listeners { name: "edge" address: "127.0.0.1:0"
    filter_chains { filters { config { [network_filters/http_connection_manager] {
      virtual_hosts { name: "all" domains: "*" routes { direct_response { status: 200 } } }
      access_logs { config { )" +
                           logger + "\n} } } } } } }";
  loader.loadText(text, "test.textproto", 1, diagnostics);
  return diagnostics.toString();
}

TEST(StdoutLoggerConfig, TakesTextAndJson) {
  EXPECT_EQ(findings(R"([access_loggers/stdout] {  })"), "");
  EXPECT_EQ(findings(R"([access_loggers/stdout] {  format: "%PROTOCOL%" })"), "");
  EXPECT_EQ(findings(R"([access_loggers/stdout] { 
                        json_format { key: "p" value: "%PROTOCOL%" } })"),
            "");
}

TEST(StdoutLoggerConfig, RefusesWithPosition) {
  const std::pair<const char*, const char*> cases[] = {
      {R"([access_loggers/stdout] { format: "%PROTOCO%" })",
       "operator \"%PROTOCO%\" is not known; did you mean \"%PROTOCOL%\"?"},
      {R"([access_loggers/stdout] { format: "x" json_format { key: "a" value: "b" } })",
       "given together with format; keep one of them"},
  };
  for (const auto& [logger, expected] : cases) {
    EXPECT_THAT(findings(logger), HasSubstr(expected));
    EXPECT_THAT(findings(logger), HasSubstr("test.textproto:4:"));
  }
}

}  // namespace
}  // namespace weir::extensions::access_loggers::stdout
