#include "extensions/http_filters/acme_challenge/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/all_extensions.h"
#include "source/config/snapshot.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::acme_challenge {
namespace {

using ::testing::HasSubstr;

// The findings for a file that uses `extension`, or "".
std::string findings(const std::string& extension) {
  base::Registry registry;
  EXPECT_TRUE(registerAllExtensions(registry).ok());
  stats::Store stats;
  config::Loader loader(registry, stats);
  config::Diagnostics diagnostics;
  const std::string text = R"(listeners {
  name: "edge"
  address: "127.0.0.1:8080"
  filter_chains { filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*" routes { direct_response { status: 200 } } }
    http_filters { config {
      )" + extension + R"(
    } }
  } } } }
})";
  loader.loadText(text, "test.textproto", 1, diagnostics);
  return diagnostics.toString();
}

TEST(AcmeChallengeConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings(R"([http_filters/acme_challenge] { webroot: "." })"), "");
}

TEST(AcmeChallengeConfig, RefusesWhatIsWrongWithPosition) {
  EXPECT_THAT(findings("[http_filters/acme_challenge] {}"), HasSubstr("webroot: is required"));
  const std::string text = findings(R"([http_filters/acme_challenge] { webroot: "no/where" })");
  EXPECT_THAT(text, HasSubstr("no/where\" does not exist; make it, or name another"));
  EXPECT_THAT(text, HasSubstr("test.textproto:"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::acme_challenge
