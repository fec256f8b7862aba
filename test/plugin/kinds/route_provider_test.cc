#include <gtest/gtest.h>

#include <string>

#include "test/plugin/kinds/test_plugin.h"
#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::plugin {
namespace {

using test::RawConnection;
using test::ScriptedOrigin;

const weir_host* host = nullptr;

// Does what the request's x-route says.
uint32_t resolve(void*, const weir_headers* request, const weir_info*, weir_route_choice* out) {
  weir_str value{};
  host->headers_get(request, str("x-route"), &value);
  const std::string_view wish = view(value);
  if (wish.empty()) return WEIR_ROUTE_TABLE;
  if (wish == "none") return WEIR_ROUTE_NONE;
  if (wish == "fail") return WEIR_ROUTE_FAIL;
  if (wish == "mad") return 77;
  out->cluster = str("special");
  if (wish == "nowhere") out->cluster = {};
  if (wish == "unknown") out->cluster = str("moon");
  if (wish == "huge") out->cluster.size = 1 << 30;
  if (wish == "rewrite") {
    out->host_rewrite = str("other.example");
    out->path_rewrite = str("/new?x=1");
    out->timeout_ms = 1000;
  }
  if (wish == "bad_path") out->path_rewrite = str("no slash\r\nx: y");
  if (wish == "bad_host") out->host_rewrite = str("a b");
  return WEIR_ROUTE_CLUSTER;
}

weir_route_provider makeKind() {
  weir_route_provider kind{};
  kind.kind = kindHead<weir_route_provider>(WEIR_ROUTE_PROVIDER, "wished");
  kind.resolve = resolve;
  return kind;
}

const weir_route_provider kKind = makeKind();

class PluginRouteProviderTest : public testing::Test {
 protected:
  test::RawMessage ask(std::string_view wish) {
    RawConnection client = RawConnection::connectTo(proxy_.port("edge"));
    const std::string field = wish.empty() ? "" : "X-Route: " + std::string(wish) + "\r\n";
    client.send("GET /old HTTP/1.1\r\nHost: a.example\r\n" + field + "\r\n");
    return client.readMessage();
  }

  static Plugin& known(Plugin& plugin) {
    host = plugin.host();
    return plugin;
  }

  Plugin& plugin_ = known(testPlugin());
  ScriptedOrigin origin_{
      ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntable")};
  ScriptedOrigin special_{ScriptedOrigin::echoing()};
  test::InProcessProxy proxy_{
      test::edgeListener("route_provider { config { [routing/wished] {} } }") +
          test::cluster("origin", {origin_.address()}) +
          test::cluster("special", {special_.address()}) + test::runtime(1),
      offering(plugin_, {&kKind.kind})};
};

TEST_F(PluginRouteProviderTest, ChoosesOrLeavesItToTheTable) {
  EXPECT_EQ(ask("").body, "table");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("special").body.substr(0, 8), "GET /old");
  EXPECT_EQ(ask("none").status(), 404);
  const test::RawMessage rewritten = ask("rewrite");
  EXPECT_EQ(rewritten.body.substr(0, 12), "GET /new?x=1");
  EXPECT_NE(rewritten.body.find("\nhost: other.example"), std::string::npos) << rewritten.body;
  EXPECT_EQ(rewritten.body.find("\nhost: a.example"), std::string::npos) << rewritten.body;
}

TEST_F(PluginRouteProviderTest, WhatItMustNotSayIsAFailureOfTheRequest) {
  for (const std::string_view wish : {"fail", "mad", "nowhere", "huge", "bad_path", "bad_host"}) {
    EXPECT_EQ(ask(wish).status(), 500) << wish;
  }
  EXPECT_EQ(proxy_.stat("plugins_errors_total", {{"plugin", "tested"}}), 6);
  EXPECT_EQ(ask("unknown").status(), 503);
  EXPECT_EQ(ask("").body, "table");
}

TEST_F(PluginRouteProviderTest, WithoutResolveItIsNoKind) {
  weir_route_provider kind = makeKind();
  kind.resolve = nullptr;
  EXPECT_EQ(findKindType(WEIR_ROUTE_PROVIDER)->check(&kind), "resolve is missing");
}

}  // namespace
}  // namespace weir::plugin
