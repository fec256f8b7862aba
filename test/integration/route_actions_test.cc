// What routes do to requests and responses, from the configuration to the wire.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view kRoutes = R"(
  request_headers { set { name: "x-level" value: "host" } add { name: "x-trace" value: "host" } }
  response_headers { set { name: "x-reply" value: "host %RESPONSE_CODE%" } }
  limits { max_request_body_bytes: 10 }
  routes {
    match { path_template: "/users/{id}/orders/{order}" }
    request_headers {
      set { name: "x-level" value: "route" }
      set { name: "x-user" value: "%PATH_CAPTURE(id)%" }
      add { name: "x-trace" value: "route %UPSTREAM_PATH%" }
    }
    route { cluster: "origin" rewrite { path_template: "/v2/{order}" } original_path_header: true }
  }
  routes {
    match { prefix: "/files" }
    route {
      cluster: "origin"
      rewrite { prefix: "/srv/" }
      host_rewrite { host: "files.internal" append_forwarded_host: true }
    }
  }
  routes {
    match { prefix: "/regex" }
    route {
      cluster: "origin"
      rewrite { regex { pattern: "^/regex/(.*)$" substitution: "/\\1" } }
      host_rewrite { path_regex { pattern: "^/regex/([^/]*).*$" substitution: "\\1.internal" } }
    }
  }
  routes {
    match { prefix: "/named" }
    route { cluster: "origin" host_rewrite { header: "x-host" } }
  }
  routes {
    match { path: "/large" }
    limits { max_request_body_bytes: 100 }
    response_headers { set { name: "x-reply" value: "route" } }
    route { cluster: "origin" }
  }
  routes {
    match { path: "/silent" }
    limits { max_stream_duration { nanos: 50000000 } }
    route { cluster: "silent" }
  }
  routes {
    match { prefix: "/old" }
    redirect { scheme: "https" port: 8443 rewrite { prefix: "/new" } query: "from=old" }
  }
  routes {
    match { path: "/hello" }
    direct_response { status: 203 format_body: true body: "hi %REQ(x-name)% 100%%" }
  }
  routes { match { path: "/plain" } route { cluster: "origin" } })";

// A proxy before an origin that answers with the request as it came.
class RouteActions : public testing::Test {
 protected:
  RouteActions()
      : origin_(test::ScriptedOrigin::echoing()),
        silent_([](test::RawConnection& connection, int) {
          connection.readMessage();
          connection.closedByPeer();
        }),
        proxy_(test::runtime(1) +
               test::edgeListener(
                   R"(request_headers { set { name: "x-level" value: "manager" }
                                        set { name: "x-manager" value: "%PROTOCOL%" }
                                        remove_prefix: "x-internal-" }
                      response_headers { set { name: "x-reply" value: "manager" }
                                         add { name: "x-manager" value: "1" } }
                      limits { max_request_body_bytes: 20 })",
                   kRoutes) +
               test::cluster("origin", {origin_.address()}) +
               test::cluster("silent", {silent_.address()})) {}

  test::RawMessage ask(std::string_view target, std::string_view fields = {},
                       std::string_view body = {}) {
    auto client = test::RawConnection::connectTo(proxy_.port("edge"));
    std::string request = (body.empty() ? "GET " : "POST ") + std::string(target) +
                          " HTTP/1.1\r\nHost: shop.example\r\n" + std::string(fields);
    if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    client.send(request + "\r\n" + std::string(body));
    return client.readMessage();
  }

  test::ScriptedOrigin origin_;
  test::ScriptedOrigin silent_;
  test::InProcessProxy proxy_;
};

TEST_F(RouteActions, HeaderRulesGoFromGeneralToSpecial) {
  const auto reply = ask("/users/7-8/orders/x?q=1", "x-internal-a: 1\r\nx-user: forged\r\n");
  EXPECT_EQ(reply.status(), 200);
  EXPECT_THAT(reply.body, StartsWith("GET /v2/x?q=1 HTTP/1.1\n"));
  EXPECT_THAT(reply.body, HasSubstr("x-level: route\n"));
  EXPECT_THAT(reply.body, HasSubstr("x-user: 7-8\n"));
  EXPECT_THAT(reply.body, HasSubstr("x-manager: HTTP/1.1\n"));
  EXPECT_THAT(reply.body, HasSubstr("x-trace: host\n"));
  EXPECT_THAT(reply.body, HasSubstr("x-trace: route /v2/x?q=1\n"));
  EXPECT_THAT(reply.body, HasSubstr("x-weir-original-path: /users/7-8/orders/x?q=1\n"));
  EXPECT_THAT(reply.body, Not(HasSubstr("x-internal-a")));
  EXPECT_THAT(reply.body, Not(HasSubstr("forged")));
  EXPECT_EQ(reply.header("x-reply"), "host 200");
  EXPECT_EQ(reply.header("x-manager"), "1");
}

TEST_F(RouteActions, PathsAndHosts) {
  auto reply = ask("/files/a?b");
  EXPECT_THAT(reply.body, StartsWith("GET /srv/a?b HTTP/1.1\n"));
  EXPECT_THAT(reply.body, HasSubstr("host: files.internal\n"));
  EXPECT_THAT(reply.body, HasSubstr("shop.example"));  // X-Forwarded-Host
  reply = ask("/regex/alpha/x");
  EXPECT_THAT(reply.body, StartsWith("GET /alpha/x HTTP/1.1\n"));
  EXPECT_THAT(reply.body, HasSubstr("host: alpha.internal\n"));
  EXPECT_THAT(ask("/named", "x-host: b.example:81\r\n").body, HasSubstr("host: b.example:81\n"));
  EXPECT_THAT(ask("/named").body, HasSubstr("host: shop.example\n"));
}

TEST_F(RouteActions, WhatCannotBeRewrittenIsRefused) {
  EXPECT_EQ(ask("/files../secret").status(), 400);
  EXPECT_EQ(ask("/regex/a@c/x").status(), 400) << "a host that is none";
  EXPECT_EQ(ask("/named", "x-host: a b\r\n").status(), 400);
  EXPECT_EQ(ask("/named", "x-host: a@b\r\n").header("x-reply"), "host 400")
      << "rules see Weir's own answers, too";
}

TEST_F(RouteActions, RoutesAllowLargerAndSmallerBodies) {
  EXPECT_EQ(ask("/plain", {}, std::string(10, 'x')).status(), 200);
  EXPECT_EQ(ask("/plain", {}, std::string(11, 'x')).status(), 413) << "of the virtual host";
  EXPECT_EQ(ask("/large", {}, std::string(100, 'x')).status(), 200) << "more than the manager";
  EXPECT_EQ(ask("/large", {}, std::string(101, 'x')).status(), 413);
  auto client = test::RawConnection::connectTo(proxy_.port("edge"));
  client.send("POST /large HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" +
              std::string(101, 'x') + "\r\n0\r\n\r\n");
  EXPECT_EQ(client.readMessage().status(), 413);
  EXPECT_EQ(ask("/large", {}, "x").header("x-reply"), "route");
}

TEST_F(RouteActions, RoutesLimitHowLongAnExchangeTakes) {
  EXPECT_EQ(ask("/silent").status(), 504);
}

TEST_F(RouteActions, RedirectsAndDirectResponses) {
  const auto redirect = ask("/old/x?y=1");
  EXPECT_EQ(redirect.status(), 301);
  EXPECT_EQ(redirect.header("location"), "https://shop.example:8443/new/x?from=old");
  EXPECT_EQ(redirect.header("x-reply"), "host 301");
  const auto hello = ask("/hello", "x-name: <b>\r\n");
  EXPECT_EQ(hello.status(), 203);
  EXPECT_EQ(hello.body, "hi <b> 100%");
  const auto nowhere = ask("/nowhere");
  EXPECT_EQ(nowhere.status(), 404);
  EXPECT_EQ(nowhere.header("x-reply"), "manager") << "no route, no virtual host";
}

}  // namespace
}  // namespace weir
