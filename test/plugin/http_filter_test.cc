// A plugin's HTTP filter with real traffic.

#include <array>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/plugin/loader.h"
#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::plugin {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using ::testing::HasSubstr;
using ::testing::Not;

const stats::Labels kPlugin{{"plugin", "exercise"}};

absl::StatusOr<Plugin*> load(const char* name) {
  return loadPlugin({.path = std::string("test/plugin/") + name + ".so"});
}

absl::Status offer(base::Registry& registry) {
  // Once in a process, as Weir does: they are not unloaded, and threads of the plugin's own may
  // still run when the next test begins.
  static const std::array plugins{load("exercise"), load("abi_1_0")};
  for (const auto& plugin : plugins) {
    if (!plugin.ok()) return plugin.status();
    const absl::Status registered = registerKinds(**plugin, registry);
    if (!registered.ok()) return registered;
  }
  return absl::OkStatus();
}

class HttpFilterTest : public ::testing::Test {
 protected:
  std::string configWith(const std::string& text, const std::string& routes = {}) {
    const std::string filters = "http_filters { config { [http_filters/exercise] { text: \"" +
                                text +
                                "\" } } } http_filters { config { [http_filters/pass] {} } } "
                                "http_filters { config { [http_filters/abi_1_0] {} } }";
    return test::edgeListener(filters, routes + "routes { route { cluster: \"origin\" } }") +
           test::cluster("origin", {origin_.address()}) +
           test::cluster("asked", {asked_.address()}) +
           "shared_dictionaries { name: \"shared\" }\n" + test::runtime(2);
  }
  void start(const std::string& text, const std::string& routes = {}) {
    proxy_ = std::make_unique<test::InProcessProxy>(configWith(text, routes), offer);
  }
  RawMessage post(const std::string& todo, const std::string& body = "", std::string path = "/",
                  const std::string& fields = {}) {
    RawConnection client = RawConnection::connectTo(proxy_->port("edge"));
    client.send("POST " + path + " HTTP/1.1\r\nHost: a\r\nDo: " + todo + "\r\n" + fields +
                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return client.readMessage();
  }

  ScriptedOrigin origin_{ScriptedOrigin::echoing()};
  ScriptedOrigin asked_{
      ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nX-Answer: 42\r\nContent-Length: 2\r\n\r\nok")};
  std::unique_ptr<test::InProcessProxy> proxy_;
};

TEST_F(HttpFilterTest, PassesAndCounts) {
  start("hello");
  const RawMessage response = post("nothing", "body");
  EXPECT_EQ(response.status(), 200);
  EXPECT_EQ(response.header("x-exercised"), "nothing");
  EXPECT_THAT(response.body, HasSubstr("x-text: hello\n"));
  EXPECT_THAT(response.body, HasSubstr("x-abi: 1.0\n"));
  EXPECT_THAT(response.body, HasSubstr("\nbody"));
  EXPECT_TRUE(
      proxy_->waitForStat("plugin_exercised", 1, {{"by", "test"}, {"plugin", "exercise"}}) ||
      proxy_->waitForStat("plugin_exercised", 1, {{"plugin", "exercise"}, {"by", "test"}}));
  EXPECT_GT(proxy_->stat("plugins_calls_total", kPlugin), 4);
  EXPECT_EQ(proxy_->stat("plugins_errors_total", kPlugin), 0);
}

TEST_F(HttpFilterTest, Replies) {
  start("");
  const RawMessage response = post("reply");
  EXPECT_EQ(response.status(), 418);
  EXPECT_EQ(response.body, "short and stout");
  EXPECT_EQ(response.header("content-type"), "text/teapot");
  EXPECT_EQ(response.header("x-reply"), "yes");
  EXPECT_EQ(response.count("content-length"), 1u);
}

TEST_F(HttpFilterTest, ContinuesFromAnotherThread) {
  start("");
  for (int i = 0; i < 20; ++i) {
    const RawMessage response = post("thread");
    EXPECT_EQ(response.status(), 200);
    EXPECT_THAT(response.body, HasSubstr("x-thread: yes\n"));
  }
}

TEST_F(HttpFilterTest, AThreadThatComesWhenTheStreamHasGoneFindsNobody) {
  start("");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(post("abandon").status(), 410);
  EXPECT_EQ(post("nothing").status(), 200);
  EXPECT_EQ(proxy_->stat("plugins_errors_total", kPlugin), 0);
}

TEST_F(HttpFilterTest, TimersFire) {
  start("");
  EXPECT_THAT(post("timer").body, HasSubstr("x-fired: 3\n"));
}

TEST_F(HttpFilterTest, AsksAnotherCluster) {
  start("");
  EXPECT_THAT(post("call", "", "/", "Cluster: asked\r\n").body, HasSubstr("x-asked: 42\n"));
  const RawMessage missing = post("call", "", "/", "Cluster: nowhere\r\n");
  EXPECT_EQ(missing.status(), 503);
  EXPECT_THAT(missing.body, Not(::testing::IsEmpty()));
}

TEST_F(HttpFilterTest, AClientThatLeavesEndsTimersAndCalls) {
  ScriptedOrigin silent([](RawConnection& connection, int) { connection.readAll(); });
  start("");
  ASSERT_EQ(proxy_->reload(configWith("") + test::cluster("silent", {silent.address()})), "");
  for (int i = 0; i < 5; ++i) {
    RawConnection client = RawConnection::connectTo(proxy_->port("edge"));
    client.send("GET / HTTP/1.1\r\nHost: a\r\nDo: call\r\nCluster: silent\r\n\r\n");
    client.abort();
  }
  EXPECT_EQ(post("nothing").status(), 200);
}

TEST_F(HttpFilterTest, ChangesBodies) {
  start("");
  EXPECT_THAT(post("upper", "abc").body, HasSubstr("\nABC"));
  EXPECT_THAT(post("append", "", "/").body, HasSubstr("?"));
  ASSERT_EQ(proxy_->reload(configWith("collect")), "");
  EXPECT_THAT(post("append", "abc").body, HasSubstr("\nabc!"));
  EXPECT_EQ(post("append", std::string(101, 'x')).status(), 413);
}

TEST_F(HttpFilterTest, ExceptionsEndTheirStreamAlone) {
  start("");
  EXPECT_EQ(post("throw").status(), 500);
  EXPECT_EQ(post("throw-at-birth").status(), 500);
  EXPECT_EQ(post("throw-body", "x").status(), 500);
  EXPECT_EQ(post("throw-end").status(), 200);
  EXPECT_EQ(post("nothing").status(), 200);
  EXPECT_TRUE(proxy_->waitForStat("plugins_errors_total", 4, kPlugin));
}

TEST_F(HttpFilterTest, RoutesSayTheirOwn) {
  start("general",
        "routes { match { prefix: \"/own\" } route { cluster: \"origin\" } filters { name: "
        "\"exercise\" config { [http_filters/exercise] { text: \"own\" } } } } "
        "routes { match { prefix: \"/off\" } route { cluster: \"origin\" } filters { name: "
        "\"exercise\" disabled: true } } ");
  EXPECT_THAT(post("nothing", "", "/own").body, HasSubstr("x-route: own\n"));
  EXPECT_THAT(post("nothing", "", "/").body, Not(HasSubstr("x-route")));
  EXPECT_EQ(post("reply", "", "/off").status(), 200);
}

TEST_F(HttpFilterTest, SharesADictionary) {
  start("");
  EXPECT_THAT(post("count").body, HasSubstr("x-count: 1\n"));
  EXPECT_THAT(post("count").body, HasSubstr("x-count: 2\n"));
}

TEST_F(HttpFilterTest, KnowsFacts) {
  start("");
  const std::string body = post("facts").body;
  EXPECT_THAT(body, HasSubstr("x-peer: 127.0.0.1:"));
  EXPECT_THAT(body, HasSubstr("x-tls: none\n"));
  EXPECT_THAT(body, HasSubstr("x-unknown: none\n"));
  EXPECT_THAT(body, HasSubstr("x-version: HTTP/1.1\n"));
  EXPECT_THAT(body, HasSubstr("x-metadata: value\n"));
}

TEST_F(HttpFilterTest, MayNotTouchWhatFramesAMessage) {
  start("");
  const std::string body = post("headers", "abc").body;
  EXPECT_THAT(body, HasSubstr("x-refused: 0000000\n"));
  EXPECT_THAT(body, HasSubstr("x-seen: 22\n"));
  EXPECT_THAT(body, Not(HasSubstr("x-many")));
  EXPECT_THAT(body, HasSubstr("POST /changed HTTP/1.1\n"));
}

TEST_F(HttpFilterTest, SaysWhatIsWrongWithItsConfiguration) {
  start("");
  EXPECT_THAT(proxy_->reload(configWith("refuse")),
              HasSubstr("config.text: is refused; say something else"));
  EXPECT_THAT(proxy_->reload(configWith("throw")), HasSubstr("cannot read that"));
  EXPECT_EQ(post("nothing").status(), 200);
}

TEST_F(HttpFilterTest, LivesThroughReloads) {
  start("a");
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(proxy_->reload(configWith("b" + std::to_string(i))), "");
    EXPECT_THAT(post("timer").body, HasSubstr("x-text: b" + std::to_string(i) + "\n"));
  }
}

}  // namespace
}  // namespace weir::plugin
