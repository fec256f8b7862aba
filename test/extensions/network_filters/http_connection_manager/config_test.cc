#include "extensions/network_filters/http_connection_manager/config.h"

#include <gtest/gtest.h>

#include "extensions/all_extensions.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::network_filters::http_connection_manager {
namespace {

constexpr std::string_view kHost =
    "virtual_hosts { name: \"v\" domains: \"*\" routes { route { cluster: \"web\" } } }";

// The findings for a connection manager whose fields stand from line 2 on; each without the file
// and the path to the connection manager.
std::string findings(std::string_view fields) {
  base::Registry registry;
  EXPECT_TRUE(registerAllExtensions(registry).ok());
  stats::Store store(1);
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("listeners { name: \"edge\" address: \"127.0.0.1:80\" filter_chains { filters { "
                   "config { [network_filters/http_connection_manager] {\n",
                   fields, "\n", kHost,
                   "\n} } } } }\n"
                   "clusters { name: \"web\" endpoints { address: \"10.0.0.1:80\" } }"),
      "w", 1, diagnostics);
  EXPECT_EQ(snapshot != nullptr, diagnostics.ok());
  if (snapshot != nullptr) {
    EXPECT_NE(snapshot->listeners.at(0)->filter_chains.at(0)->filters.at(0).factory, nullptr);
  }
  std::string text = diagnostics.toString();
  constexpr std::string_view kWhere = "listeners[0].filter_chains[0].filters[0].config.";
  for (size_t at = text.find(kWhere); at != std::string::npos; at = text.find(kWhere)) {
    text.erase(at, kWhere.size());
  }
  return text;
}

TEST(HttpConnectionManagerConfig, DefaultsAreEnough) {
  EXPECT_EQ(findings(""), "");
}

TEST(HttpConnectionManagerConfig, TakesEverythingInRange) {
  EXPECT_EQ(findings(R"(
    stat_prefix: "x"
    timeouts { request_head {} idle { seconds: 86400 } stream_idle { nanos: 1000000 } request {} max_stream_duration {} }
    limits { max_request_line_bytes: 1048576 max_head_bytes: 1048576 max_header_fields: 10000 max_request_body_bytes: 18446744073709551615 }
    forwarded { trusted_hops: 32 add_forwarded_for: false add_forwarded_proto: false add_forwarded_host: false via: "weir" }
    path_normalisation { enabled: false merge_slashes: false escaped_slashes: ESCAPED_SLASHES_DECODE reject_backslash: false }
    request_id { generate: false add_to_response: true }
    server_name: "-" upgrades: "-" allow_connect: true max_requests_per_connection: 1)"),
            "");
}

TEST(HttpConnectionManagerConfig, Timeouts) {
  EXPECT_EQ(
      findings("timeouts { idle { seconds: 86401 } request_head { seconds: -1 } }"),
      "w:2:12: timeouts.idle: 86401 s is out of range; it must be 0 s to 24 h\n"
      "w:2:36: timeouts.request_head: a duration cannot be negative; it must be 0 s to 24 h\n");
}

TEST(HttpConnectionManagerConfig, Limits) {
  EXPECT_EQ(findings("limits {\nmax_request_line_bytes: 63\nmax_head_bytes: 1048577\n"
                     "max_header_fields: 10001 }"),
            "w:3:25: limits.max_request_line_bytes: 63 is out of range; it must be 64 to 1048576\n"
            "w:4:17: limits.max_head_bytes: 1048577 is out of range; it must be 256 to 1048576\n"
            "w:5:20: limits.max_header_fields: 10001 is out of range; it must be 1 to 10000\n");
  EXPECT_EQ(
      findings("limits { max_request_line_bytes: 100000 }"),
      "w:2:34: limits.max_request_line_bytes: the request line may have 100000 bytes, but the "
      "whole head only 65536; raise max_head_bytes as well\n");
  EXPECT_EQ(
      findings("limits { max_head_bytes: 1024 }"),
      "w:2:26: limits.max_head_bytes: the request line may have 8192 bytes, but the whole head "
      "only 1024; lower max_request_line_bytes as well\n");
}

TEST(HttpConnectionManagerConfig, Forwarded) {
  EXPECT_EQ(
      findings("forwarded { trusted_hops: 33 via: \"a b\" }"),
      "w:2:27: forwarded.trusted_hops: 33 is out of range; it must be 0 to 32\n"
      "w:2:35: forwarded.via: \"a b\" is not a name for Via; write a word such as \"weir\" or "
      "\"host:port\"\n");
}

TEST(HttpConnectionManagerConfig, Names) {
  EXPECT_EQ(findings("server_name: \"a\\r\\nb\""),
            "w:2:14: server_name: has control characters; write plain text\n");
  EXPECT_EQ(findings("upgrades: [\"websocket\", \"WebSocket\", \"-\", \"a b\"]"),
            "w:2:25: upgrades[1]: \"WebSocket\" is listed twice; remove one\n"
            "w:2:38: upgrades[2]: \"-\" allows none and stands alone; remove it or the others\n"
            "w:2:43: upgrades[3]: \"a b\" is not a protocol; write a word such as \"websocket\"\n");
}

TEST(HttpConnectionManagerConfig, NestedExtensions) {
  EXPECT_EQ(
      findings("access_logs { config { [access_loggers/stdot] {} } }"),
      "w:2:24: access_logs[0].config: there is no extension \"access_loggers/stdot\"; did you "
      "mean \"stdout\"? known: file, stdout\n");
  EXPECT_EQ(
      findings("http_filters { config { [access_loggers/stdout] {} } }").substr(0, 88),
      "w:2:25: http_filters[0].config: access_loggers/stdout cannot stand here; this is a place");
}

TEST(HttpConnectionManagerConfig, RoutesAreChecked) {
  EXPECT_EQ(
      findings("virtual_hosts { name: \"x\" domains: \"x\" routes { route { cluster: \"wep\" } } "
               "}"),
      "w:2:66: virtual_hosts[0].routes[0].route.cluster: there is no cluster \"wep\"; did you "
      "mean \"web\"?\n");
}

}  // namespace
}  // namespace weir::extensions::network_filters::http_connection_manager
