// The filter in a whole proxy: what clusters have, what the operator says, and its configuration.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/all_extensions.h"
#include "source/config/snapshot.h"
#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::extensions::http_filters::health_check {
namespace {

using test::RawConnection;
using test::ScriptedOrigin;
using ::testing::HasSubstr;

std::string filter(const std::string& fields) {
  return "http_filters { config { [http_filters/health_check] { path: \"/healthz\" " + fields +
         " } } }";
}

int check(uint16_t port) {
  auto client = RawConnection::connectTo(port);
  client.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  return client.readMessage().status();
}

int post(uint16_t port, const std::string& path) {
  auto client = RawConnection::connectTo(port);
  client.send("POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  return client.readMessage().status();
}

// The operator has taken endpoints out, or they are as their state says: health without waiting.
TEST(HealthCheckProxy, LooksAtClusters) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  const std::string clusters = test::cluster("all", {origin.address()}) +
                               "clusters { name: \"out\" endpoints { address: \"" +
                               origin.address() + "\" state: STATE_DISABLED } }\n";
  const auto status = [&](const std::string& fields) {
    test::InProcessProxy proxy(
        test::runtime(1) +
        test::edgeListener(filter(fields), "routes { direct_response { status: 404 } }") +
        clusters);
    return check(proxy.port("edge"));
  };
  EXPECT_EQ(status("clusters { cluster: \"all\" min_healthy { percent: 100 } }"), 200);
  EXPECT_EQ(status("clusters { cluster: \"out\" }"), 503);
  EXPECT_EQ(status("clusters { cluster: \"out\" min_healthy { percent: 0 } }"), 200);
  EXPECT_EQ(status("clusters { cluster: \"all\" } clusters { cluster: \"out\" }"), 503);
}

TEST(HealthCheckProxy, TheOperatorHasAWord) {
  const std::string config =
      test::runtime(2) +
      test::edgeListener(filter(""), "routes { direct_response { status: 404 } }");
  test::InProcessProxy proxy(config);
  EXPECT_EQ(check(proxy.port("edge")), 200);
  EXPECT_EQ(post(proxy.adminPort(), "/healthcheck/fail"), 200);
  EXPECT_EQ(check(proxy.port("edge")), 503);
  EXPECT_EQ(proxy.reload(config), "");
  EXPECT_EQ(check(proxy.port("edge")), 503) << "it outlasts configurations";
  EXPECT_EQ(post(proxy.adminPort(), "/healthcheck/ok"), 200);
  EXPECT_EQ(check(proxy.port("edge")), 200);
}

std::string findings(const std::string& fields, const std::string& before = {}) {
  base::Registry registry;
  EXPECT_TRUE(registerAllExtensions(registry).ok());
  stats::Store stats;
  config::Loader loader(registry, stats);
  config::Diagnostics diagnostics;
  loader.loadText(
      test::edgeListener(
          before + "http_filters { config { [http_filters/health_check] { " + fields + " } } }",
          "routes { direct_response { status: 404 } }"),
      "test.textproto", 1, diagnostics);
  return diagnostics.toString();
}

TEST(HealthCheckConfig, RefusesWhatIsWrongWithPosition) {
  EXPECT_EQ(findings("path: \"/a\" pass_through: true cache_time { seconds: 5 }"), "");
  EXPECT_THAT(findings(""), HasSubstr("path: is required; write path: \"/healthz\""));
  EXPECT_THAT(findings("path: \"a\""), HasSubstr("is no path"));
  EXPECT_THAT(findings("path: \"/a?b\""), HasSubstr("is no path"));
  EXPECT_THAT(findings("path: \"/a\" cache_time { seconds: 5 }"),
              HasSubstr("cache_time: has no meaning without pass_through"));
  EXPECT_THAT(findings("path: \"/a\" pass_through: true cache_time { seconds: 100 }"),
              HasSubstr("cache_time: "));
  EXPECT_THAT(findings("path: \"/a\" clusters { cluster: \"nobody\" }"),
              HasSubstr("clusters[0].cluster: "));
  EXPECT_THAT(findings("path: \"/a\" clusters { }"), HasSubstr("clusters[0].cluster: is required"));
  EXPECT_THAT(findings("path: \"/a\" clusters { cluster: \"nobody\" }"),
              HasSubstr("test.textproto:"));
}

TEST(HealthCheckConfig, StandsInFrontOfWhatLeavesChecksOut) {
  EXPECT_THAT(
      findings("path: \"/a\"", "http_filters { config { [http_filters/admission_control] {} } }"),
      HasSubstr("it would judge by what checks are answered"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::health_check
