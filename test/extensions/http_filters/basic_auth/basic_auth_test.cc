#include "extensions/http_filters/basic_auth/basic_auth.h"

#include <cstdio>
#include <fstream>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/access/access_proxy.h"
#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::basic_auth {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Of "secret".
constexpr char kHash[] = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
constexpr char kAlice[] = "Authorization: Basic YWxpY2U6c2VjcmV0\r\n";   // alice:secret
constexpr char kWrong[] = "Authorization: Basic YWxpY2U6Z3Vlc3M=\r\n";   // alice:guess
constexpr char kNobody[] = "Authorization: Basic ZXZlOnNlY3JldA==\r\n";  // eve:secret

std::string filter(const std::string& more = {}) {
  return std::string("[http_filters/basic_auth] { users { name: \"alice\" hash: \"") + kHash +
         "\" } users { name: \"bob\" hash: \"" + kHash + "\" } " + more + " }";
}

TEST(BasicAuth, ChecksPasswordsAndTellsTheEndpoint) {
  AccessProxy proxy(filter("user_header: \"x-user\" realm: \"shop\""));
  const auto passed = proxy.ask("/", std::string("X-User: root\r\n") + kAlice);
  EXPECT_EQ(passed.status(), 200);
  EXPECT_THAT(passed.body, HasSubstr("x-user: alice"));
  EXPECT_THAT(passed.body, Not(HasSubstr("root")));
  EXPECT_THAT(passed.body, Not(HasSubstr("uthorization")));
  for (const char* fields : {"", kWrong, kNobody, "Authorization: Basic !\r\n",
                             "Authorization: Bearer YWxpY2U6c2VjcmV0\r\n"}) {
    const auto refused = proxy.ask("/", fields);
    EXPECT_EQ(refused.status(), 401) << fields;
    EXPECT_EQ(refused.header("www-authenticate"), "Basic realm=\"shop\", charset=\"UTF-8\"");
  }
  const auto denied = [&](const char* reason) {
    return proxy->stat("basic_auth_denied_total", {{"filter", "edge"}, {"reason", reason}});
  };
  EXPECT_EQ(denied("missing"), 2);
  EXPECT_EQ(denied("malformed"), 1);
  EXPECT_EQ(denied("wrong"), 2);
}

TEST(BasicAuth, RemembersWhatWasRight) {
  AccessProxy proxy(filter());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(proxy.status("/", kAlice), 200);
  EXPECT_EQ(proxy->stat("basic_auth_checks_total", {{"filter", "edge"}}), 1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(proxy.status("/", kWrong), 401);
  EXPECT_EQ(proxy->stat("basic_auth_checks_total", {{"filter", "edge"}}), 4);
}

TEST(BasicAuth, RoutesSayWho) {
  AccessProxy proxy(filter("forward: true"),
                    R"(routes { match { prefix: "/bob" } route { cluster: "origin" }
                         filters { name: "basic_auth" config { [http_filters/basic_auth] {
                           allowed_users: "bob" } } } }
                       routes { route { cluster: "origin" } })");
  EXPECT_EQ(proxy.status("/bob", kAlice), 403);
  EXPECT_EQ(proxy.status("/bob", kAlice), 403);  // remembered
  EXPECT_THAT(proxy.ask("/", kAlice).body, HasSubstr("authorization: Basic"));
}

TEST(BasicAuth, FollowsItsFile) {
  const std::string path = ::testing::TempDir() + "/htpasswd";
  const auto write = [&](const std::string& text) {
    std::ofstream(path + ".new") << text;
    std::rename((path + ".new").c_str(), path.c_str());
  };
  write(std::string("alice:") + kHash + "\n");
  AccessProxy proxy("[http_filters/basic_auth] { users_file: \"" + path + "\" }");
  EXPECT_EQ(proxy.status("/", kAlice), 200);
  write(std::string("eve:") + kHash + "\n");
  ASSERT_TRUE(proxy->waitForStat("basic_auth_reloads_total", 1,
                                 {{"filter", "edge"}, {"result", "accepted"}}));
  EXPECT_EQ(proxy.status("/", kAlice), 401);  // what was remembered as well
  EXPECT_EQ(proxy.status("/", kNobody), 200);
  write("eve:plain\n");
  ASSERT_TRUE(proxy->waitForStat("basic_auth_reloads_total", 1,
                                 {{"filter", "edge"}, {"result", "refused"}}));
  EXPECT_EQ(proxy.status("/", kNobody), 200);
}

// Many at once: each is answered, by 401 or, when too many wait, by 503. Some leave at once.
TEST(BasicAuth, BruteForceIsBounded) {
  AccessProxy proxy(filter("max_waiting_checks: 2"));
  std::vector<test::RawConnection> clients;
  for (int i = 0; i < 60; ++i) {
    clients.push_back(test::RawConnection::connectTo(proxy->port("edge")));
    clients.back().send(std::string("GET / HTTP/1.1\r\nHost: a\r\n") + kWrong + "\r\n");
    if (i % 4 == 0) clients.back().abort();
  }
  for (size_t i = 0; i < clients.size(); ++i) {
    if (i % 4 == 0) continue;
    const auto answer = clients[i].readMessage();
    EXPECT_TRUE(answer.status() == 401 || answer.status() == 503) << answer.start_line;
    if (answer.status() == 503) {
      EXPECT_EQ(answer.header("retry-after"), "1");
    }
  }
  int status = 503;
  for (int i = 0; i < 1000 && status == 503; ++i) status = proxy.status("/", kAlice);
  EXPECT_EQ(status, 200);
}

TEST(BasicAuthConfig, SaysWhatIsWrong) {
  EXPECT_EQ(findings(filter(), "[http_filters/basic_auth] { allowed_users: \"bob\" }"), "");
  EXPECT_THAT(findings("[http_filters/basic_auth] {}"), HasSubstr("has no users"));
  EXPECT_THAT(
      findings("[http_filters/basic_auth] { users { name: \"a\" hash: \"topsecret\" } }"),
      ::testing::AllOf(HasSubstr("users[0]: the hash is neither"), Not(HasSubstr("topsecret"))));
  EXPECT_THAT(findings("[http_filters/basic_auth] { users_file: \"absent\" }"),
              HasSubstr("No such file"));
  EXPECT_THAT(findings(filter("realm: '\"'")), HasSubstr("cannot be quoted"));
  EXPECT_THAT(findings(filter("max_waiting_checks: 20000")), HasSubstr("out of range"));
  EXPECT_THAT(findings(filter(), "[http_filters/basic_auth] { forward: true }"),
              HasSubstr("belongs to the filter"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::basic_auth
