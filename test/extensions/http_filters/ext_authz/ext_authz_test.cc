#include "extensions/http_filters/ext_authz/ext_authz.h"

#include <mutex>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/access/access_proxy.h"
#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::ext_authz {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A service that answers as the test says, and keeps what it was asked.
class Service {
 public:
  Service()
      : origin_([this](test::RawConnection& connection, int) {
          for (auto request = connection.readMessage(); request.complete;
               request = connection.readMessage()) {
            std::string answer;
            {
              const std::lock_guard lock(mutex_);
              asked_ = request;
              ++count_;
              answer = answer_;
            }
            if (answer.empty()) return (void)connection.readMessage();  // never answers
            connection.send(answer);
          }
        }) {}
  // `head`: status line and fields.
  void answer(const std::string& head, const std::string& body = {}) {
    const std::lock_guard lock(mutex_);
    answer_ = head.empty() ? ""
                           : "HTTP/1.1 " + head + "Content-Length: " + std::to_string(body.size()) +
                                 "\r\n\r\n" + body;
  }
  test::RawMessage asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  int count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  std::string cluster() const { return test::cluster("auth", {origin_.address()}); }
  void kill() { origin_.kill(); }

 private:
  std::mutex mutex_;
  std::string answer_ = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  test::RawMessage asked_;
  int count_ = 0;
  test::ScriptedOrigin origin_;
};

constexpr char kRoutes[] = R"(routes { route { cluster: "origin" } })";
std::string filter(const std::string& more = {}) {
  return "[http_filters/ext_authz] { cluster: \"auth\" " + more + " }";
}

TEST(ExtAuthz, AsksAndPassesOnWhatTheServiceSays) {
  Service service;
  service.answer("200 OK\r\nx-user: alice\r\nX-Other: o\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n");
  AccessProxy proxy(filter(R"(path_prefix: "/check" upstream_headers: "X-User"
                              client_headers: "set-cookie"
                              context { name: "x-realm" value: "shop" })"),
                    kRoutes, service.cluster());
  const auto passed = proxy.ask("/a?b=1",
                                "Authorization: secret\r\nX-User: root\r\nX-Private: p\r\n"
                                "X-Weir-Auth-Failed: true\r\n");
  EXPECT_EQ(passed.status(), 200);
  EXPECT_THAT(passed.body, AllOf(HasSubstr("x-user: alice"), Not(HasSubstr("root"))));
  EXPECT_THAT(passed.body, AllOf(Not(HasSubstr("x-other")), Not(HasSubstr("auth-failed"))));
  EXPECT_EQ(passed.count("set-cookie"), 2u);
  const auto asked = service.asked();
  EXPECT_EQ(asked.method(), "GET");
  EXPECT_EQ(asked.target(), "/check/a?b=1");
  EXPECT_EQ(asked.header("host"), "shop.example");
  EXPECT_EQ(asked.header("authorization"), "secret");
  EXPECT_EQ(asked.header("x-realm"), "shop");
  EXPECT_EQ(asked.header("x-forwarded-uri"), "/a?b=1");
  EXPECT_EQ(asked.header("x-private"), "");
  EXPECT_EQ(asked.header("x-user"), "");  // forged
  EXPECT_EQ(proxy->stat("ext_authz_allowed_total", {{"filter", "edge"}}), 1);
}

TEST(ExtAuthz, AppendsWhatTheServiceSays) {
  Service service;
  service.answer("200 OK\r\nX-Roles: admin\r\nX-Other: p\r\n");
  AccessProxy proxy(filter(R"(append_upstream_headers: "X-Roles")"), kRoutes, service.cluster());
  const auto passed = proxy.ask("/", "x-roles: guest\r\nX-Other: o\r\n");
  EXPECT_EQ(passed.status(), 200);
  EXPECT_THAT(passed.body, AllOf(HasSubstr("x-roles: guest, admin"), HasSubstr("x-other: o")));
  EXPECT_EQ(service.asked().header("x-roles"), "");  // is not asked with
}

TEST(ExtAuthz, DenialsAreTheServicesAnswers) {
  Service service;
  AccessProxy proxy(filter(), kRoutes, service.cluster());
  service.answer("401 No\r\nWWW-Authenticate: Bearer\r\nX-Secret: s\r\nContent-Type: text/html\r\n",
                 "<p>no</p>");
  const auto refused = proxy.ask("/");
  EXPECT_EQ(refused.status(), 401);
  EXPECT_EQ(refused.body, "<p>no</p>");
  EXPECT_EQ(refused.header("content-type"), "text/html");
  EXPECT_EQ(refused.header("www-authenticate"), "Bearer");
  EXPECT_EQ(refused.header("x-secret"), "");
  service.answer("302 Found\r\nLocation: https://login.example/\r\n");
  const auto sent_on = proxy.ask("/");
  EXPECT_EQ(sent_on.status(), 302);
  EXPECT_EQ(sent_on.header("location"), "https://login.example/");
  EXPECT_EQ(proxy->stat("ext_authz_denied_total", {{"filter", "edge"}}), 2);
  EXPECT_EQ(proxy.origin().connections(), 0);
}

TEST(ExtAuthz, FailuresAreClosedUnlessToldOtherwise) {
  Service service;
  service.answer("500 Oh\r\n");
  AccessProxy proxy(filter(), kRoutes, service.cluster());
  EXPECT_EQ(proxy.status("/"), 503);
  service.kill();
  EXPECT_EQ(proxy.status("/"), 503);
  EXPECT_EQ(proxy->stat("ext_authz_failed_total", {{"filter", "edge"}}), 2);
  Service silent;
  silent.answer("");
  AccessProxy open(filter("failure_mode_allow: true timeout { nanos: 20000000 }"), kRoutes,
                   silent.cluster());
  const auto passed = open.ask("/");
  EXPECT_EQ(passed.status(), 200);
  EXPECT_THAT(passed.body, HasSubstr("x-weir-auth-failed: true"));
  EXPECT_EQ(open->stat("ext_authz_failed_open_total", {{"filter", "edge"}}), 1);
}

TEST(ExtAuthz, BodiesToALimit) {
  Service service;
  AccessProxy proxy(filter("max_body_bytes: 10"), kRoutes, service.cluster());
  const auto passed = proxy.ask("/", {}, "POST", "0123456789");
  EXPECT_EQ(passed.status(), 200);
  EXPECT_THAT(passed.body, HasSubstr("0123456789"));
  EXPECT_EQ(service.asked().body, "0123456789");
  EXPECT_EQ(service.asked().method(), "POST");
  EXPECT_EQ(proxy.ask("/", {}, "POST", "0123456789a").status(), 413);
  EXPECT_EQ(proxy.ask("/").status(), 200);
  const std::string chunked =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "6\r\n012345\r\n6\r\n6789ab\r\n0\r\n\r\n";
  auto client = test::RawConnection::connectTo(proxy->port("edge"));
  client.send(chunked);
  EXPECT_EQ(client.readMessage().status(), 413);
}

TEST(ExtAuthz, TheBeginningOfLargeBodies) {
  Service service;
  AccessProxy proxy(filter("max_body_bytes: 100000 allow_partial_body: true"), kRoutes,
                    service.cluster());
  const std::string body(300'000, 'x');
  const auto passed = proxy.ask("/", {}, "POST", body);
  EXPECT_EQ(passed.status(), 200);
  EXPECT_EQ(passed.body.size() > body.size(), true);
  EXPECT_EQ(service.asked().body.size(), 100'000u);
  EXPECT_EQ(service.asked().header("x-weir-partial-body"), "true");
  EXPECT_EQ(proxy.ask("/", {}, "POST", "small").status(), 200);
  EXPECT_EQ(service.asked().header("x-weir-partial-body"), "");
}

TEST(ExtAuthz, RoutesSayMoreOrNothing) {
  Service service;
  AccessProxy proxy(filter("path: \"/auth\" method: \"GET\" request_headers: \"x-*\""), R"(
      routes { match { prefix: "/open" } route { cluster: "origin" }
               filters { name: "ext_authz" disabled: true } }
      routes { route { cluster: "origin" } filters { name: "ext_authz" config {
               [http_filters/ext_authz] { context { name: "x-area" value: "shop" } } } } })",
                    service.cluster());
  EXPECT_EQ(proxy.status("/open"), 200);
  EXPECT_EQ(service.count(), 0);
  EXPECT_EQ(proxy.ask("/a", "X-One: 1\r\nCookie: c\r\n", "DELETE").status(), 200);
  const auto asked = service.asked();
  EXPECT_EQ(asked.method(), "GET");
  EXPECT_EQ(asked.target(), "/auth");
  EXPECT_EQ(asked.header("x-area"), "shop");
  EXPECT_EQ(asked.header("x-one"), "1");
  EXPECT_EQ(asked.header("cookie"), "");
  EXPECT_EQ(asked.header("x-forwarded-method"), "DELETE");
}

// The stream may be gone when the service answers.
TEST(ExtAuthz, ClientsThatLeaveHarmNothing) {
  Service service;
  service.answer("");
  AccessProxy proxy(filter(), kRoutes, service.cluster());
  for (int i = 0; i < 50; ++i) {
    auto client = test::RawConnection::connectTo(proxy->port("edge"));
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.abort();
  }
  EXPECT_TRUE(proxy->waitForStat("listener_connections_active", 0, {{"listener", "edge"}}));
  EXPECT_TRUE(proxy->waitForStat("http_calls_active", 0));
}

TEST(ExtAuthzConfig, SaysWhatIsWrong) {
  const auto of = [](const std::string& fields) { return findings(filter(fields)); };
  EXPECT_EQ(of("metadata_header: \"x-auth-data\""), "");
  EXPECT_THAT(findings("[http_filters/ext_authz] {}"), HasSubstr("cluster: is required"));
  EXPECT_THAT(findings("[http_filters/ext_authz] { cluster: \"x\" }"), HasSubstr("cluster"));
  EXPECT_THAT(of("path: \"x\""), HasSubstr("is no path"));
  EXPECT_THAT(of("method: \"CONNECT\""), HasSubstr("is no method to ask with"));
  EXPECT_THAT(of("upstream_headers: \"host\""), HasSubstr("frames messages"));
  EXPECT_THAT(of("upstream_headers: \"x-*\""), HasSubstr("upstream_headers[0]"));
  EXPECT_THAT(of("append_upstream_headers: \"x-*\""), HasSubstr("append_upstream_headers[0]"));
  EXPECT_THAT(of("upstream_headers: \"x-a\" append_upstream_headers: \"X-A\""),
              HasSubstr("is in `upstream_headers` too"));
  EXPECT_EQ(of("upstream_headers: \"x-a\" append_upstream_headers: \"x-b\""), "");
  EXPECT_THAT(of("max_body_bytes: 200000"), HasSubstr("out of range"));
  EXPECT_THAT(of("allow_partial_body: true"), HasSubstr("no body is sent"));
  EXPECT_THAT(of("failure_mode_allow: true failure_status: 500"), HasSubstr("failure_status"));
  EXPECT_THAT(findings(filter(), filter()), HasSubstr("has more than `context`"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::ext_authz
