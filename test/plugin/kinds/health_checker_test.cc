#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "test/plugin/kinds/test_plugin.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::plugin {
namespace {

using test::RawConnection;
using test::ScriptedOrigin;

const weir_host* host = nullptr;
std::atomic<int> probes{0};
std::atomic<int> cancelled{0};

// How a probe asks, as the configuration says.
struct State {
  weir_probe* probe;
  const std::string* manner;
};

const weir_probe_api& api() {
  return *host->probe;
}

void create(void* worker, weir_probe* probe, const weir_probe_target* target, void* state) {
  auto* const own = static_cast<State*>(state);
  own->probe = probe;
  own->manner = static_cast<const std::string*>(worker);
  const bool right = view(target->cluster) == "origin" && view(target->id) == view(target->address);
  if (right) ++probes;
}

void answerFromThread(weir_probe* probe) {
  weir_ticket* const ticket = host->ticket_create(api().scope(probe));
  std::thread([ticket] {
    host->ticket_post(
        ticket,
        [](void*, void* owner) {
          if (owner == nullptr) return;
          api().done(static_cast<State*>(owner)->probe, WEIR_PROBE_HEALTHY, {});
        },
        nullptr);
    host->ticket_release(ticket);
  }).detach();
}

void start(void* state, weir_probe* probe) {
  const std::string& manner = *static_cast<State*>(state)->manner;
  if (manner == "thread") return answerFromThread(probe);
  if (manner == "silent") return;
  if (manner == "mad") return api().done(probe, 4711, str("?"));
  if (manner == "now" || manner == "sick") {
    // From inside, and twice.
    api().done(probe, manner == "now" ? WEIR_PROBE_HEALTHY : WEIR_PROBE_UNHEALTHY, str("it\nsays"));
    return api().done(probe, WEIR_PROBE_DEGRADED, {});
  }
  api().connect(probe);
  api().connect(probe);
}

void onData(void*, weir_probe* probe, weir_buffer* data, int32_t) {
  const std::string_view text = view(host->buffer_view(data, 16));
  if (text.find('\n') == std::string_view::npos) return;
  const bool well = text.starts_with("+PONG");
  api().done(probe, well ? WEIR_PROBE_HEALTHY : WEIR_PROBE_UNHEALTHY, str("not +PONG"));
}

weir_health_checker makeKind() {
  weir_health_checker kind{};
  kind.kind = kindHead<weir_health_checker>(WEIR_HEALTH_CHECKER, "mannered");
  kind.kind.config_create = [](void*, const weir_config* config, weir_report*) -> void* {
    return new std::string(textOf(host, config));
  };
  kind.kind.config_destroy = [](void* config) { delete static_cast<std::string*>(config); };
  kind.state_size = sizeof(State);
  kind.probe_create = create;
  kind.probe_destroy = [](void*) { --probes; };
  kind.start = start;
  kind.cancel = [](void*, weir_probe*) { ++cancelled; };
  kind.on_connected = [](void*, weir_probe* probe) { api().write(probe, str("PING\n")); };
  kind.on_data = onData;
  return kind;
}

const weir_health_checker kKind = makeKind();

class PluginCheckerTest : public testing::Test {
 protected:
  PluginCheckerTest() {
    host = plugin_.host();
    cancelled = 0;
  }
  std::string configOf(std::string_view manner, const std::string& address) const {
    return test::edgeListener() +
           test::cluster("origin", {address},
                         "health_checks { interval { nanos: 50000000 } timeout { nanos: 40000000 } "
                         "healthy_threshold: 1 unhealthy_threshold: 1 "
                         "config { [health_checkers/mannered] { text: \"" +
                             std::string(manner) + "\" } } }") +
           test::runtime(1);
  }
  static bool becomesHealthy(const test::InProcessProxy& proxy, int64_t count) {
    return proxy.waitForStat("cluster_healthy_members", count, {{"cluster", "origin"}});
  }
  // So many questions have come to that, at least.
  static bool cameTo(const test::InProcessProxy& proxy, std::string_view result, int64_t count) {
    return test::eventually([&] {
      return proxy.stat("cluster_health_checks_total", {{"cluster", "origin"},
                                                        {"check", "mannered"},
                                                        {"result", std::string(result)}}) >= count;
    });
  }
  Plugin& plugin_ = testPlugin();
  ScriptedOrigin origin_{[](RawConnection& connection, int) {
    if (connection.readExactly(5) == "PING\n") connection.send("+PONG\n");
    connection.readAll();
  }};
  ScriptedOrigin rude_{[](RawConnection& connection, int) {
    connection.readExactly(5);
    connection.send("-ERR\n");
    connection.readAll();
  }};
};

TEST_F(PluginCheckerTest, AsksOverAConnection) {
  {
    test::InProcessProxy proxy(configOf("line", rude_.address()), offering(plugin_, {&kKind.kind}));
    EXPECT_TRUE(becomesHealthy(proxy, 0));
    EXPECT_TRUE(cameTo(proxy, "fail", 2));
    EXPECT_EQ(proxy.reload(configOf("line", origin_.address())), "");
    EXPECT_TRUE(becomesHealthy(proxy, 1));
    origin_.kill();
    EXPECT_TRUE(becomesHealthy(proxy, 0));
  }
  EXPECT_EQ(probes, 0);
}

TEST_F(PluginCheckerTest, AnswersFromInsideAndFromAnotherThread) {
  test::InProcessProxy proxy(configOf("sick", origin_.address()), offering(plugin_, {&kKind.kind}));
  EXPECT_TRUE(becomesHealthy(proxy, 0));
  EXPECT_EQ(proxy.reload(configOf("now", origin_.address())), "");
  EXPECT_TRUE(becomesHealthy(proxy, 1));
  EXPECT_TRUE(cameTo(proxy, "pass", 3));
  EXPECT_EQ(proxy.reload(configOf("sick", origin_.address())), "");
  EXPECT_TRUE(becomesHealthy(proxy, 0));
  EXPECT_EQ(proxy.reload(configOf("thread", origin_.address())), "");
  EXPECT_TRUE(becomesHealthy(proxy, 1));
}

TEST_F(PluginCheckerTest, OneThatNeverAnswersIsCancelled) {
  test::InProcessProxy proxy(configOf("silent", origin_.address()),
                             offering(plugin_, {&kKind.kind}));
  EXPECT_TRUE(becomesHealthy(proxy, 0));
  EXPECT_TRUE(test::eventually([] { return cancelled >= 2; }));
}

TEST_F(PluginCheckerTest, AVerdictThatThereIsNotSaysNothing) {
  test::InProcessProxy proxy(configOf("now", origin_.address()), offering(plugin_, {&kKind.kind}));
  EXPECT_TRUE(becomesHealthy(proxy, 1));
  EXPECT_EQ(proxy.reload(configOf("mad", origin_.address())), "");
  EXPECT_TRUE(test::eventually([&] {
    return proxy.stat("plugins_errors_total", {{"plugin", "tested"}}) >= 2;
  }));
  EXPECT_TRUE(becomesHealthy(proxy, 1));
}

TEST_F(PluginCheckerTest, WithoutStartItIsNoKind) {
  weir_health_checker kind = makeKind();
  kind.start = nullptr;
  EXPECT_EQ(findKindType(WEIR_HEALTH_CHECKER)->check(&kind), "start is missing");
}

}  // namespace
}  // namespace weir::plugin
