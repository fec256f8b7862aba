// docs/examples/lua: each script in the real proxy, with real requests; and their unit tests by
// `weir lua test`.

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using ::testing::HasSubstr;
using ::testing::Not;

void replaceAll(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

// The configuration of the documentation, on free ports.
std::string configOf(const std::string& name, const ScriptedOrigin& web,
                     const ScriptedOrigin& other) {
  std::string config = test::readFile(test::dataFile("docs/examples/lua/" + name + ".textproto"));
  EXPECT_NE(config, "") << name;
  replaceAll(config, "0.0.0.0:8080", "127.0.0.1:0");
  replaceAll(config, "127.0.0.1:3000", web.address());
  replaceAll(config, "127.0.0.1:3001", other.address());
  replaceAll(config, "\"" + name + ".lua\"",
             "\"" + test::dataFile("docs/examples/lua/" + name + ".lua") + "\"");
  return "admin { address: \"127.0.0.1:0\" }\nruntime { workers: 2 }\n" + config;
}

// A proxy that runs one of the scripts before origins, of which "other" is that of the second
// cluster.
class Example {
 public:
  using Headers = std::map<std::string, std::string>;

  explicit Example(const std::string& name, ScriptedOrigin::Script web = ScriptedOrigin::echoing(),
                   ScriptedOrigin::Script other = ScriptedOrigin::echoing())
      : web_(std::move(web)), other_(std::move(other)), weir(configOf(name, web_, other_)) {
    EXPECT_NE(weir.port("edge"), 0) << weir.process().err();
  }

  RawMessage ask(const std::string& start, const Headers& headers = {},
                 const std::string& body = "") {
    std::string text = start + " HTTP/1.1\r\nHost: shop.example\r\n";
    for (const auto& [name, value] : headers) text.append(name + ": " + value + "\r\n");
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    RawConnection connection = RawConnection::connectTo(weir.port("edge"));
    connection.send(text + "\r\n" + body);
    return connection.readMessage();
  }

 private:
  ScriptedOrigin web_;
  ScriptedOrigin other_;

 public:
  test::WeirProcess weir;
};

std::string answer(const std::string& head, const std::string& body) {
  return "HTTP/1.1 " + head + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

// Knows one user, and answers others with 401.
void authority(RawConnection& connection, int) {
  while (true) {
    const RawMessage question = connection.readMessage();
    if (!question.complete) return;
    const bool known = question.header("authorization") == "Bearer good" &&
                       question.header("x-original-path") == "/orders";
    connection.send(known ? answer("200 OK\r\nX-User: ann", "")
                          : answer("401 No\r\nWWW-Authenticate: Bearer", ""));
  }
}

TEST(LuaExamples, AuthCallout) {
  Example example("auth_callout", ScriptedOrigin::echoing(), authority);
  const RawMessage good = example.ask("GET /orders", {{"Authorization", "Bearer good"}});
  EXPECT_EQ(good.status(), 200);
  EXPECT_THAT(good.body, HasSubstr("x-user: ann\n"));
  const RawMessage bad = example.ask("GET /orders", {{"X-User", "ann"}});
  EXPECT_EQ(bad.status(), 401);
  EXPECT_EQ(bad.header("www-authenticate"), "Bearer");
}

TEST(LuaExamples, AbCookie) {
  Example example("ab_cookie");
  const RawMessage fresh = example.ask("GET /");
  const std::string cookie = fresh.header("set-cookie");
  ASSERT_THAT(cookie, HasSubstr("experiment="));
  const std::string group = cookie.substr(std::string("experiment=").size(), 1);
  EXPECT_THAT(fresh.body, HasSubstr("x-experiment: " + group + "\n"));
  for (int i = 0; i < 5; ++i) {
    const RawMessage again = example.ask("GET /", {{"Cookie", "experiment=" + group}});
    EXPECT_THAT(again.body, HasSubstr("x-experiment: " + group + "\n"));
    EXPECT_EQ(again.count("set-cookie"), 0u);
  }
}

TEST(LuaExamples, HeaderSigning) {
  Example example("header_signing");
  const RawMessage signed_one = example.ask("POST /pay", {{"X-Signature", "mine"}}, "amount=1");
  EXPECT_EQ(signed_one.status(), 200);
  EXPECT_THAT(signed_one.body, ::testing::ContainsRegex("x-signature: [0-9a-f]{64}\n"));
  EXPECT_THAT(signed_one.body, ::testing::ContainsRegex("x-signed-at: [0-9]+\n"));
  EXPECT_THAT(signed_one.body, ::testing::EndsWith("amount=1"));
}

TEST(LuaExamples, Maintenance) {
  Example example("maintenance");
  const RawMessage page = example.ask("GET /shop");
  EXPECT_EQ(page.status(), 503);
  EXPECT_EQ(page.header("retry-after"), "600");
  EXPECT_THAT(page.header("content-type"), HasSubstr("text/html"));
  EXPECT_THAT(page.body, HasSubstr("<h1>"));
  EXPECT_EQ(example.ask("GET /healthz").status(), 200);
}

TEST(LuaExamples, JsonBody) {
  Example example("json_body", ScriptedOrigin::answering(
                                   answer("200 OK\r\nContent-Type: application/json",
                                          R"({"users":[{"name":"ann","password":"secret"}]})")));
  const RawMessage clean = example.ask("GET /users");
  EXPECT_EQ(clean.status(), 200);
  EXPECT_EQ(clean.body, R"({"users":[{"name":"ann"}]})");
  EXPECT_EQ(clean.header("content-length"), std::to_string(clean.body.size()));
}

TEST(LuaExamples, RateLimit) {
  Example example("rate_limit");
  int passed = 0;
  RawMessage refused;
  for (int i = 0; i < 110; ++i) {
    const RawMessage got = example.ask("GET /", {{"X-User", "ann"}});
    got.status() == 200 ? ++passed : (refused = got, 0);
  }
  EXPECT_EQ(passed, 100) << "over both workers";
  EXPECT_EQ(refused.status(), 429);
  EXPECT_NE(refused.header("retry-after"), "");
  EXPECT_EQ(example.ask("GET /", {{"X-User", "bob"}}).status(), 200);
  EXPECT_EQ(example.weir.stat("script_rate_limited_total"), 10);
}

TEST(LuaExamples, GeoHeader) {
  Example example("geo_header");
  EXPECT_THAT(example.ask("GET /", {{"X-Country", "ZZ"}}).body, HasSubstr("x-country: LO\n"));
}

TEST(LuaExamples, GraphQl) {
  Example example("graphql", ScriptedOrigin::answering(answer("200 OK", "reads")),
                  ScriptedOrigin::echoing());
  EXPECT_EQ(example.ask("POST /graphql", {}, R"({"query":"{ me { name } }"})").body, "reads");
  const std::string mutation = R"({"query":"mutation { add(n: 1) { id } }"})";
  const RawMessage written = example.ask("POST /graphql", {}, mutation);
  EXPECT_THAT(written.body, ::testing::StartsWith("POST /graphql HTTP/1.1\n"));
  EXPECT_THAT(written.body, ::testing::EndsWith(mutation));
  EXPECT_EQ(example.ask("POST /graphql", {}, "no JSON").status(), 400);
}

TEST(LuaExamples, Tarpit) {
  Example example("tarpit");
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  EXPECT_EQ(example.ask("GET /", {{"User-Agent", "python-requests/2"}}).status(), 200);
  EXPECT_GE(Clock::now() - begin, std::chrono::milliseconds(500));
  EXPECT_EQ(example.weir.stat("script_tarpit_delayed_total"), 1);
  EXPECT_EQ(example.ask("GET /", {{"User-Agent", "Mozilla/5.0"}}).status(), 200);
  EXPECT_EQ(example.weir.stat("script_tarpit_delayed_total"), 1);
}

TEST(LuaExamples, Canary) {
  Example example("canary", ScriptedOrigin::answering(answer("200 OK", "stable")),
                  ScriptedOrigin::echoing());
  const RawMessage canary = example.ask("GET /new", {{"X-Canary", "always"}});
  EXPECT_THAT(canary.body, HasSubstr("GET /new HTTP/1.1"));
  EXPECT_THAT(canary.body, Not(HasSubstr("x-weir-endpoint"))) << "that is for the balancer only";
  EXPECT_THAT(canary.header("x-served-by"), ::testing::StartsWith("127.0.0.1:"));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(example.ask("GET /", {{"X-Canary", "never"}}).body, "stable");
  }
}

TEST(LuaTestCommand, RunsTheExamplesTests) {
  std::vector<std::string> arguments = {"lua", "test"};
  for (const auto& entry :
       std::filesystem::directory_iterator(test::dataFile("docs/examples/lua"))) {
    const std::string path = entry.path().string();
    if (path.ends_with("_test.lua")) arguments.push_back(path);
  }
  ASSERT_GE(arguments.size(), 12u);
  const test::Finished finished = test::weir(arguments);
  EXPECT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_THAT(finished.out, ::testing::ContainsRegex("[0-9]+ passed, 0 failed\n$"));
}

TEST(LuaTestCommand, SaysWhatIsWrong) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(test::weir({"lua", "test"}).code, 2);
  const test::Finished missing = test::weir({"lua", "test", folder.file("none.lua")});
  EXPECT_EQ(missing.code, 2);
  EXPECT_THAT(missing.err, HasSubstr("none.lua: No such file"));
  const std::string file =
      folder.write("a_test.lua", "function test_sum()\n  assert.equal(4, 2 + 3)\nend\n");
  const test::Finished failed = test::weir({"lua", "test", file});
  EXPECT_EQ(failed.code, 1);
  EXPECT_EQ(failed.out, "FAILED " + file + ":2: test_sum: expected 4, got 5\n0 passed, 1 failed\n");
}

}  // namespace
}  // namespace weir
