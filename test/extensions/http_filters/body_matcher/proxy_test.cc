// The filter in a whole proxy: routes match on what it has found.

#include <string>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::extensions::http_filters::body_matcher {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;

TEST(BodyMatcherProxy, RoutesMatchOnWhatBodiesSay) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  test::InProcessProxy proxy(
      test::runtime(1) +
      test::edgeListener(R"(http_filters { config { [http_filters/body_matcher] {
          values { key: "tier" json_pointer: "/user/tier" }
          malformed: REFUSE
        } } })",
                         R"(
      routes {
        match { dynamic_metadata { namespace: "body_matcher" path: "tier" text { exact: "gold" } } }
        direct_response { status: 200 body: "gold" }
      }
      routes {
        match { methods: "POST" headers { name: "x-canary" exact: "1" } path_template: "/a/{id}" }
        direct_response { status: 200 body: "canary" }
      }
      routes { route { weighted_clusters {
        clusters { name: "origin" weight: 1 } clusters { name: "other" weight: 0 }
        sticky { cookie { name: "seen" } }
      } } })") +
      test::cluster("origin", {origin.address()}) + test::cluster("other", {"127.0.0.1:1"}));
  auto client = RawConnection::connectTo(proxy.port("edge"));
  const auto ask = [&](const std::string& fields, const std::string& body) {
    client.send("POST /a/7 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + fields +
                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return client.readMessage();
  };
  EXPECT_EQ(ask("", R"({"user": {"tier": "gold"}})").body, "gold");
  EXPECT_EQ(ask("X-Canary: 1\r\n", R"({"user": {"tier": "tin"}})").body, "canary");
  const RawMessage rest = ask("", R"({"user": {"tier": "tin"}})");
  EXPECT_EQ(rest.status(), 200);
  EXPECT_NE(rest.header("set-cookie").find("seen="), std::string::npos);
  EXPECT_NE(rest.body.find("content-length: 25"), std::string::npos) << rest.body;
  EXPECT_EQ(ask("", "{").status(), 400);
  EXPECT_TRUE(proxy.waitForStat("body_matcher_malformed_total", 1, {{"filter", "edge"}}));
  EXPECT_TRUE(proxy.waitForStat("body_matcher_read_total", 4, {{"filter", "edge"}}));
}

}  // namespace
}  // namespace weir::extensions::http_filters::body_matcher
