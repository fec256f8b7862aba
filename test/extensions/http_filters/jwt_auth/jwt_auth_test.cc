#include "extensions/http_filters/jwt_auth/jwt_auth.h"

#include <chrono>
#include <cstdio>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/access/access_proxy.h"
#include "test/extensions/http_filters/jwt_auth/signing.h"

namespace weir::extensions::http_filters::jwt_auth {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

int64_t in(int64_t seconds) {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
             .count() +
         seconds;
}
std::string claims(std::string_view more = {}, int64_t expires_in = 600,
                   std::string_view issuer = "me") {
  return base::concat(R"({"iss":")", issuer, R"(","exp":)", in(expires_in), more, "}");
}
std::string bearer(const std::string& token) {
  return "Authorization: Bearer " + token + "\r\n";
}

class JwtAuthTest : public ::testing::Test {
 protected:
  JwtAuthTest() { write(secretJwks()); }
  void write(const std::string& text) const {
    std::ofstream(path_ + ".new") << text;
    std::rename((path_ + ".new").c_str(), path_.c_str());
  }
  std::string provider(std::string_view more = {}) const {
    return base::concat("providers { name: \"file\" issuer: \"me\" jwks_file: \"", path_, "\" ",
                        more, " } ");
  }
  static std::string filter(const std::string& fields) {
    return "[http_filters/jwt_auth] { " + fields + " }";
  }

  const std::string path_ = ::testing::TempDir() + "/jwks.json";
};

TEST_F(JwtAuthTest, LetsGoodTokensPassAndSaysWhatIsWrongWithOthers) {
  AccessProxy proxy(filter(provider("audiences: \"shop\"")));
  const std::string good = claims(R"(,"aud":"shop")");
  const auto passed = proxy.ask("/", bearer(signHs256(good)));
  EXPECT_EQ(passed.status(), 200);
  EXPECT_THAT(passed.body, Not(HasSubstr("uthorization")));  // taken off
  struct Case {
    std::string fields;
    const char* body;
    const char* error;
  };
  for (const Case& one : {
           Case{"", "there is no token", "Bearer realm=\"weir\""},
           Case{"Authorization: Basic YTpi\r\n", "there is no token", "Bearer realm=\"weir\""},
           Case{bearer("x.y.z"), "the token is malformed", "invalid_token"},
           Case{bearer(signHs256(claims(R"(,"aud":"shop")", -61))), "the token has expired",
                "invalid_token"},
           Case{bearer(signHs256(good, "another secret of thirty-two bytes")),
                "the token's signature is wrong", "invalid_token"},
           Case{bearer(signHs256(claims(R"(,"aud":"blog")"))), "the token is for another audience",
                "invalid_token"},
           Case{bearer(EdKey(1, "secret").sign(good)), "the token is signed with an unknown key",
                "invalid_token"},
       }) {
    const auto answer = proxy.ask("/", one.fields);
    EXPECT_EQ(answer.status(), 401) << one.body;
    EXPECT_EQ(answer.body, one.body);
    EXPECT_THAT(answer.header("www-authenticate"), HasSubstr(one.error));
  }
  EXPECT_EQ(proxy->stat("jwt_auth_denied_total", {{"filter", "edge"}, {"reason", "expired"}}), 1);
  EXPECT_EQ(proxy->stat("jwt_auth_denied_total", {{"filter", "edge"}, {"reason", "missing"}}), 2);
  EXPECT_EQ(proxy->stat("jwt_auth_allowed_total", {{"filter", "edge"}}), 1);
}

TEST_F(JwtAuthTest, RemembersGoodTokens) {
  AccessProxy proxy(filter(provider()));
  const std::string token = signHs256(claims());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(proxy.status("/", bearer(token)), 200);
  EXPECT_EQ(proxy->stat("jwt_auth_tokens_verified_total", {{"filter", "edge"}}), 1);
  EXPECT_EQ(proxy->stat("jwt_auth_tokens_cached_total", {{"filter", "edge"}}), 4);
  // Not beyond its keys.
  write(secretJwks("other secret of thirty-two bytes"));
  ASSERT_TRUE(proxy->waitForStat("jwt_auth_reloads_total", 1,
                                 {{"filter", "edge"}, {"result", "accepted"}}));
  EXPECT_EQ(proxy.status("/", bearer(token)), 401);
  write("{}");
  ASSERT_TRUE(
      proxy->waitForStat("jwt_auth_reloads_total", 1, {{"filter", "edge"}, {"result", "refused"}}));
  EXPECT_EQ(proxy.status("/", bearer(signHs256(claims(), "other secret of thirty-two bytes"))),
            200);
}

TEST_F(JwtAuthTest, TellsClaimsThatClientsCannotForge) {
  AccessProxy proxy(filter(provider(R"(
      forward: true payload_header: "x-payload"
      claim_headers { header: "x-user" claim: "sub" }
      claim_headers { header: "x-groups" claim: "groups" }
      claim_headers { header: "x-city" claim: "address.city" }
      claim_headers { header: "x-level" claim: "level" })") +
                           "requirement { allow_missing_or_failed: true }"));
  const std::string forged =
      "X-User: root\r\nX-Groups: admin\r\nx-city: a\r\nX-Level: 9\r\nX-Payload: x\r\n";
  const std::string token = signHs256(
      claims(R"(,"sub":"alice","groups":["a","b",3],"address":{"city":"x\r\ny"},"level":7)"));
  const std::string told = proxy.ask("/", forged + bearer(token)).body;
  EXPECT_THAT(told, HasSubstr("x-user: alice"));
  EXPECT_THAT(told, HasSubstr("x-groups: a,b,3"));
  EXPECT_THAT(told, HasSubstr("x-level: 7"));
  EXPECT_THAT(told, Not(HasSubstr("x-city")));
  EXPECT_THAT(told, HasSubstr("authorization: Bearer"));
  EXPECT_THAT(told, HasSubstr("x-payload: " + token.substr(token.find('.') + 1, 20)));
  const std::string untold = proxy.ask("/", forged + bearer(token + "x")).body;
  EXPECT_THAT(untold, Not(HasSubstr("root")));
  EXPECT_THAT(untold, Not(HasSubstr("admin")));
}

TEST_F(JwtAuthTest, FindsTokensWhereTheyMayBeAndTakesThemOff) {
  AccessProxy proxy(filter(provider(R"(
      places { header { name: "X-Token" } } places { header { name: "Authorization" prefix: "JWT " } }
      places { query: "token" } places { cookie: "session" })")));
  const std::string token = signHs256(claims());
  for (const auto& [target, fields] : std::vector<std::pair<std::string, std::string>>{
           {"/", "x-token: " + token + "\r\n"},
           {"/", "authorization: jwt " + token + "\r\n"},
           {"/?a=1&token=" + token + "&b=2", ""},
           {"/", "Cookie: a=1; session=" + token + "; b=2\r\n"}}) {
    const auto answer = proxy.ask(target, fields);
    EXPECT_EQ(answer.status(), 200) << target << fields;
    EXPECT_THAT(answer.body, Not(HasSubstr(token.substr(0, 20))));
  }
  EXPECT_THAT(proxy.ask("/?a=1&token=" + token + "&b=2").body, HasSubstr("GET /?a=1&b=2 "));
  EXPECT_THAT(proxy.ask("/", "Cookie: a=1; session=" + token + "; b=2\r\n").body,
              HasSubstr("a=1; b=2"));
  EXPECT_EQ(proxy.status("/", bearer(token)), 401);
}

TEST_F(JwtAuthTest, RequirementsByRoute) {
  const EdKey ed(1, "ed");
  const std::string text =
      provider() +
      "providers { name: \"ed\" issuer: \"you\" places { header { name: \"x-ed\" } } "
      "inline_jwks: '{\"keys\":[" +
      ed.jwk() + "]}' } requirement { provider: \"file\" }";
  const auto route = [](const std::string& prefix, const std::string& requirement) {
    return "routes { match { prefix: \"" + prefix +
           "\" } route { cluster: \"origin\" } filters { name: \"jwt_auth\" config { "
           "[http_filters/jwt_auth] { " +
           requirement + " } } } }";
  };
  AccessProxy proxy(
      filter(text),
      route("/any", "") +
          route("/all",
                R"(requirement { all { of { provider: "file" } of { provider: "ed" } } })") +
          route("/may",
                R"(requirement { any { of { provider: "ed" } of { allow_missing: true } } })") +
          "routes { match { prefix: \"/open\" } route { cluster: \"origin\" } "
          "filters { name: \"jwt_auth\" disabled: true } }"
          "routes { route { cluster: \"origin\" } }");
  const std::string a = bearer(signHs256(claims()));
  const std::string b = "X-Ed: " + ed.sign(claims({}, 600, "you")) + "\r\n";
  const std::string bad = "X-Ed: " + ed.sign(claims({}, -600, "you")) + "\r\n";
  struct Case {
    const char* path;
    std::string fields;
    int status;
  };
  for (const Case& one :
       {Case{"/", a, 200}, Case{"/", b, 401}, Case{"/any", a, 200}, Case{"/any", b, 200},
        Case{"/any", "", 401}, Case{"/all", a, 401}, Case{"/all", a + b, 200},
        Case{"/all", a + bad, 401}, Case{"/may", "", 200}, Case{"/may", b, 200},
        Case{"/may", bad, 401}, Case{"/may", a, 200}, Case{"/open", "", 200}}) {
    EXPECT_EQ(proxy.status(one.path, one.fields), one.status) << one.path << " " << one.fields;
  }
}

// An issuer whose keys and state the test sets.
class Issuer {
 public:
  Issuer()
      : origin_([this](test::RawConnection& connection, int) {
          for (auto request = connection.readMessage(); request.complete;
               request = connection.readMessage()) {
            ++asked;
            const std::lock_guard lock(mutex_);
            const std::string body = keys_;
            connection.send(base::concat("HTTP/1.1 ", status_,
                                         " X\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
          }
        }) {}
  void set(const std::string& keys, int status = 200) {
    const std::lock_guard lock(mutex_);
    keys_ = keys;
    status_ = status;
  }
  std::string cluster() const { return test::cluster("issuer", {origin_.address()}); }
  std::atomic<int> asked{0};

 private:
  std::mutex mutex_;
  std::string keys_ = "{}";
  int status_ = 200;
  test::ScriptedOrigin origin_;
};

constexpr char kRemote[] = R"(providers { name: "remote" issuer: "me" remote_jwks {
    cluster: "issuer" authority: "login.example" refresh { seconds: 3600 }
    retry { nanos: 100000000 } unknown_key_interval { nanos: 100000000 } } })";
constexpr char kRoutes[] = R"(routes { route { cluster: "origin" } })";

TEST_F(JwtAuthTest, FetchesKeysAtStartAndWhenOneIsUnknown) {
  const EdKey first(1, "first");
  const EdKey second(2, "second");
  Issuer issuer;
  issuer.set("{\"keys\":[" + first.jwk() + "]}");
  AccessProxy proxy(filter(kRemote), kRoutes, issuer.cluster());
  const stats::Labels good{{"filter", "edge"}, {"provider", "remote"}, {"result", "accepted"}};
  EXPECT_EQ(proxy.status("/", bearer(first.sign(claims()))), 200);  // waits for the first fetch
  ASSERT_TRUE(proxy->waitForStat("jwt_auth_fetches_total", 1, good));
  issuer.set("{\"keys\":[" + first.jwk() + "," + second.jwk() + "]}");
  const std::string token = bearer(second.sign(claims()));
  int status = 0;
  for (int i = 0; i < 1000 && status != 200; ++i) status = proxy.status("/", token);
  EXPECT_EQ(status, 200);
  EXPECT_GE(proxy->stat("jwt_auth_fetches_total", good), 2);
  // Tokens of others ask for nothing.
  const int asked = issuer.asked;
  EXPECT_EQ(proxy.status("/", bearer(EdKey(3, "third").sign(claims({}, 600, "you")))), 401);
  EXPECT_EQ(issuer.asked, asked);
}

TEST_F(JwtAuthTest, KeepsKeysWhileTheIssuerFails) {
  const EdKey key(1, "first");
  Issuer issuer;
  issuer.set("{\"keys\":[" + key.jwk() + "]}");
  AccessProxy proxy(filter(kRemote), kRoutes, issuer.cluster());
  EXPECT_EQ(proxy.status("/", bearer(key.sign(claims()))), 200);
  issuer.set("nonsense", 500);
  const std::string unknown = bearer(EdKey(2, "second").sign(claims()));
  const stats::Labels bad{{"filter", "edge"}, {"provider", "remote"}, {"result", "refused"}};
  for (int i = 0; i < 1000 && proxy->stat("jwt_auth_fetches_total", bad) == 0; ++i) {
    EXPECT_EQ(proxy.status("/", unknown), 401);
  }
  EXPECT_GT(proxy->stat("jwt_auth_fetches_total", bad), 0);
  EXPECT_EQ(proxy.status("/", bearer(key.sign(claims(","
                                                     R"("sub":"b")")))),
            200);
}

TEST_F(JwtAuthTest, WithoutKeysNobodyPassesUntilTheyCome) {
  const EdKey key(1, "first");
  Issuer issuer;
  issuer.set("no", 503);
  AccessProxy proxy(filter(kRemote), kRoutes, issuer.cluster());
  const std::string token = bearer(key.sign(claims()));
  EXPECT_EQ(proxy.status("/", token), 503);
  EXPECT_EQ(proxy.status("/"), 401);
  issuer.set("{\"keys\":[" + key.jwk() + "]}");
  const stats::Labels good{{"filter", "edge"}, {"provider", "remote"}, {"result", "accepted"}};
  ASSERT_TRUE(proxy->waitForStat("jwt_auth_fetches_total", 1, good));  // retries by itself
  EXPECT_EQ(proxy.status("/", token), 200);
}

}  // namespace
}  // namespace weir::extensions::http_filters::jwt_auth
