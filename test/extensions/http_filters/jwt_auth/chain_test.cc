#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/http_filters/jwt_auth/jwt_auth.h"
#include "test/extensions/http_filters/common/access/filter_stage.h"
#include "test/extensions/http_filters/jwt_auth/signing.h"

namespace weir::extensions::http_filters::jwt_auth {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

class JwtAuthChain : public ::testing::Test {
 protected:
  JwtAuthChain() {
    auto& provider = config->providers.emplace_back();
    provider.name = "login";
    provider.rules.issuer = "me";
    provider.claim_headers = {{"x-user", {"sub"}}};
    provider.metadata_key = "claims";
    config->rule = {.requirement = {.provider = 0}, .providers = {0}};
    config->own_fields = {"x-user"};
    const auto id = [&](const std::string& name) { return stage.stats.counter(name, "A test's."); };
    config->stats.allowed = id("allowed");
    for (auto& denied : config->stats.denied) denied = id("denied");
    config->stats.cached = id("cached");
    config->stats.verified = id("verified");
    config->stats.fetches = {{id("fetched"), id("not_fetched")}};
  }
  void useFile() {
    auto source = std::make_shared<KeySource>();
    source->set(*Jwks::parse(secretJwks()));
    config->providers[0].keys = source;
    stage.use(JwtAuthFactory(config));
  }
  void useRemote() {
    config->providers[0].keys =
        std::make_shared<KeySource>(RemoteKeys{.cluster = "login", .authority = "login.example"});
    stage.use(JwtAuthFactory(config));
  }
  std::string claims(int64_t expires_in = 600, std::string_view issuer = "me") const {
    const auto now =
        std::chrono::duration_cast<seconds>(stage.dispatcher.systemNow().time_since_epoch());
    return base::concat(R"({"iss":")", issuer, R"(","sub":"alice","exp":)",
                        now.count() + expires_in, "}");
  }
  void ask(const std::string& token) {
    stage.ask("/", {{"x-user", "root"}, {"authorization", "bearer " + token}});
  }
  router::FakeHttpCalls::Call& call() { return stage.calls.last(); }
  // Two providers, each with a field of its own for tokens.
  void useTwoRemotes(Requirement::Kind kind) {
    auto& second = config->providers.emplace_back();
    second.name = "partner";
    second.rules.issuer = "partner";
    second.places = {{.name = "x-partner", .prefix = ""}};
    for (Provider& each : config->providers) {
      each.keys = std::make_shared<KeySource>(
          RemoteKeys{.cluster = each.name, .authority = "keys.example"});
    }
    config->rule = {.requirement = {.kind = kind, .of = {{.provider = 0}, {.provider = 1}}},
                    .providers = {0, 1}};
    config->stats.fetches.resize(2, config->stats.fetches.front());
    stage.use(JwtAuthFactory(config));
    stage.ask("/", {{"authorization", "bearer " + login_key.sign(claims())},
                    {"x-partner", partner_key.sign(claims(600, "partner"))}});
    stage.dispatcher.advance(milliseconds(10));
    ASSERT_EQ(stage.calls.calls.size(), 2u);
  }
  void answerKeys(const std::string& cluster, const EdKey& key) {
    for (const auto& each : stage.calls.calls) {
      if (each->cluster == cluster) {
        stage.calls.answer(*each, 200, "{\"keys\":[" + key.jwk() + "]}");
      }
    }
    stage.dispatcher.advance(milliseconds(10));
  }
  void failKeys(const std::string& cluster) {
    for (const auto& each : stage.calls.calls) {
      if (each->cluster == cluster) stage.calls.fail(*each);
    }
    stage.dispatcher.advance(milliseconds(10));
  }

  const EdKey login_key{1, "first"};
  const EdKey partner_key{2, "second"};
  std::shared_ptr<JwtAuthConfig> config = std::make_shared<JwtAuthConfig>();
  FilterStage stage;
};

TEST_F(JwtAuthChain, GoodTokensPassAndAreRemembered) {
  useFile();
  const std::string token = signHs256(claims());
  for (int i = 0; i < 3; ++i) {
    ask(token);
    ASSERT_TRUE(stage.passed());
    EXPECT_THAT(stage.seen().headers, HasSubstr("x-user: alice"));
    EXPECT_THAT(stage.seen().headers, Not(HasSubstr("root")));
    EXPECT_THAT(stage.seen().headers, Not(HasSubstr("uthorization")));
  }
  EXPECT_EQ(stage.stats.valueOf("verified"), 1);
  EXPECT_EQ(stage.stats.valueOf("cached"), 2);
  stage.dispatcher.advance(seconds(661));  // also of what is remembered the time counts
  ask(token);
  EXPECT_EQ(stage.info.detail, "jwt_expired");
  EXPECT_EQ(stage.client.status, 401);
  EXPECT_THAT(stage.client.headers, HasSubstr("error=\"invalid_token\""));
}

TEST_F(JwtAuthChain, BadTokensDoNot) {
  useFile();
  stage.ask("/");
  EXPECT_EQ(stage.info.detail, "jwt_missing");
  EXPECT_THAT(stage.client.headers, HasSubstr("www-authenticate: Bearer realm=\"weir\"\n"));
  ask("a.b.c");
  EXPECT_EQ(stage.info.detail, "jwt_malformed");
  ask(signHs256(claims(), "another secret of thirty-two byte"));
  EXPECT_EQ(stage.info.detail, "jwt_bad_signature");
  ask(signHs256(claims(600, "you")));
  EXPECT_EQ(stage.info.detail, "jwt_issuer_mismatch");
  ask(EdKey(1, "secret").sign(claims()));
  EXPECT_EQ(stage.info.detail, "jwt_unknown_key");
}

TEST_F(JwtAuthChain, RequestsWaitForTheFirstKeys) {
  const EdKey key(1, "first");
  useRemote();
  ask(key.sign(claims()));
  EXPECT_FALSE(stage.passed());
  EXPECT_EQ(stage.client.status, 0);
  stage.dispatcher.advance(milliseconds(10));
  ASSERT_EQ(stage.calls.calls.size(), 1u);
  EXPECT_EQ(call().path, "/.well-known/jwks.json");
  stage.calls.answer(call(), 200, "{\"keys\":[" + key.jwk() + "]}");
  stage.dispatcher.advance(milliseconds(10));
  EXPECT_TRUE(stage.passed());
  // They are fetched again in time.
  stage.dispatcher.advance(std::chrono::minutes(11));
  ASSERT_EQ(stage.calls.calls.size(), 2u);
  stage.calls.answer(call(), 200, "{\"keys\":[" + key.jwk() + "]}",
                     {{"cache-control", "max-age=30"}});
  stage.dispatcher.advance(seconds(31));
  EXPECT_EQ(stage.calls.calls.size(), 3u);
}

TEST_F(JwtAuthChain, WithoutKeysNobodyPasses) {
  const EdKey key(1, "first");
  useRemote();
  ask(key.sign(claims()));
  stage.dispatcher.advance(milliseconds(10));
  stage.calls.fail(call());
  stage.dispatcher.advance(milliseconds(10));
  EXPECT_EQ(stage.client.status, 503);
  EXPECT_EQ(stage.info.detail, "jwt_keys_unavailable");
  ask(key.sign(claims()));  // at once, until it is tried again
  EXPECT_EQ(stage.client.status, 503);
  stage.dispatcher.advance(seconds(2));
  ASSERT_EQ(stage.calls.calls.size(), 2u);
  stage.calls.answer(call(), 200, "{\"keys\":[" + key.jwk() + "]}");
  stage.dispatcher.advance(milliseconds(10));
  ask(key.sign(claims()));
  EXPECT_TRUE(stage.passed());
}

TEST_F(JwtAuthChain, AnUnknownKeyFetchesOnce) {
  const EdKey first(1, "first");
  const EdKey second(2, "second");
  useRemote();
  stage.dispatcher.advance(milliseconds(10));
  stage.calls.answer(call(), 200, "{\"keys\":[" + first.jwk() + "]}");
  stage.dispatcher.advance(milliseconds(10));
  ask(second.sign(claims()));
  EXPECT_EQ(stage.info.detail, "jwt_unknown_key");  // fetched a moment ago
  stage.dispatcher.advance(seconds(31));
  ask(second.sign(claims()));
  EXPECT_EQ(stage.client.status, 0);
  ASSERT_EQ(stage.calls.calls.size(), 2u);
  stage.calls.answer(call(), 200, "{\"keys\":[" + second.jwk() + "]}");
  stage.dispatcher.advance(milliseconds(10));
  EXPECT_TRUE(stage.passed());
  // What fails leaves the keys.
  stage.dispatcher.advance(seconds(31));
  ask(EdKey(3, "third").sign(claims()));
  ASSERT_EQ(stage.calls.calls.size(), 3u);
  stage.calls.answer(call(), 200, "{}");
  stage.dispatcher.advance(milliseconds(10));
  EXPECT_EQ(stage.info.detail, "jwt_unknown_key");
  ask(second.sign(claims()));
  EXPECT_TRUE(stage.passed());
}

TEST_F(JwtAuthChain, OneOfTwoProvidersIsEnoughWhicheverComesFirst) {
  useTwoRemotes(Requirement::Kind::kAny);
  answerKeys("login", login_key);
  EXPECT_TRUE(stage.passed());
  answerKeys("partner", partner_key);  // nobody waits for it
  EXPECT_EQ(stage.stats.valueOf("allowed"), 1);
}

TEST_F(JwtAuthChain, OneOfTwoProvidersIsEnoughWhicheverComesLast) {
  useTwoRemotes(Requirement::Kind::kAny);
  answerKeys("partner", partner_key);
  EXPECT_TRUE(stage.passed());
  answerKeys("login", login_key);
  EXPECT_EQ(stage.stats.valueOf("allowed"), 1);
}

TEST_F(JwtAuthChain, BothOfTwoProvidersAreWaitedFor) {
  useTwoRemotes(Requirement::Kind::kAll);
  answerKeys("login", login_key);
  EXPECT_FALSE(stage.passed());
  EXPECT_EQ(stage.client.status, 0);
  answerKeys("partner", partner_key);
  EXPECT_TRUE(stage.passed());
}

TEST_F(JwtAuthChain, BothOfTwoProvidersAreWaitedForInAnyOrder) {
  useTwoRemotes(Requirement::Kind::kAll);
  answerKeys("partner", partner_key);
  EXPECT_FALSE(stage.passed());
  EXPECT_EQ(stage.client.status, 0);
  answerKeys("login", login_key);
  EXPECT_TRUE(stage.passed());
}

TEST_F(JwtAuthChain, OneOfTwoProvidersThatFailsIsEnoughToRefuse) {
  useTwoRemotes(Requirement::Kind::kAll);
  failKeys("login");
  EXPECT_EQ(stage.client.status, 503);
  answerKeys("partner", partner_key);  // nobody waits for it
  EXPECT_FALSE(stage.passed());
}

TEST_F(JwtAuthChain, AStreamMayEndWhileItWaitsForTwo) {
  useTwoRemotes(Requirement::Kind::kAll);
  stage.clear();
  answerKeys("login", login_key);
  failKeys("partner");
  EXPECT_FALSE(stage.passed());
}

TEST_F(JwtAuthChain, AStreamMayEndWhileItWaits) {
  useRemote();
  ask(EdKey(1, "first").sign(claims()));
  stage.clear();
  stage.dispatcher.advance(milliseconds(10));
  stage.calls.fail(call());
  stage.dispatcher.advance(milliseconds(10));
  EXPECT_FALSE(stage.passed());
}

TEST(MaxAge, Table) {
  EXPECT_EQ(maxAge("max-age=60"), seconds(60));
  EXPECT_EQ(maxAge("public, Max-Age=5 , x=y"), seconds(5));
  EXPECT_EQ(maxAge("max-age=60, no-store"), std::nullopt);
  EXPECT_EQ(maxAge("max-age=-1"), std::nullopt);
  EXPECT_EQ(maxAge("max-age=99999999999"), std::nullopt);
  EXPECT_EQ(maxAge(""), std::nullopt);
}

}  // namespace
}  // namespace weir::extensions::http_filters::jwt_auth
