// The C++ wrapper of the kinds: what is thrown ends what it was about, and nothing else.

#include <gtest/gtest.h>

#include <string>

#include "source/plugin/loader.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir::plugin {
namespace {

using test::RawConnection;
using test::ScriptedOrigin;

absl::Status offerThrowing(base::Registry& registry) {
  // Once in a process, as it is not unloaded.
  static const auto plugin = loadPlugin({.path = test::dataFile("test/plugin/kinds/throwing.so")});
  if (!plugin.ok()) return plugin.status();
  return registerKinds(**plugin, registry);
}

class PluginWrapperTest : public testing::Test {
 protected:
  std::string config(std::string_view manager, std::string_view cluster) const {
    return test::edgeListener(manager) + test::cluster("origin", {origin_.address()}, cluster) +
           test::runtime(1);
  }
  static test::RawMessage ask(const test::InProcessProxy& proxy, std::string_view fields = {}) {
    RawConnection client = RawConnection::connectTo(proxy.port("edge"));
    client.send("GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n");
    return client.readMessage();
  }
  static bool countsErrors(const test::InProcessProxy& proxy, int64_t least) {
    return test::eventually([&] {
      return proxy.stat("plugins_errors_total", {{"plugin", "throwing"}}) >= least;
    });
  }

  ScriptedOrigin origin_{ScriptedOrigin::echoing()};
};

TEST_F(PluginWrapperTest, PickAndResolveFailTheRequest) {
  test::InProcessProxy proxy(
      config({}, "load_balancing { config { [load_balancing/throwing] {} } }"), offerThrowing);
  EXPECT_EQ(ask(proxy).status(), 503);
  EXPECT_TRUE(countsErrors(proxy, 1));
  EXPECT_EQ(proxy.reload(config("route_provider { config { [routing/throwing] {} } }", {})), "");
  EXPECT_EQ(ask(proxy).status(), 500);
  EXPECT_EQ(ask(proxy, "X-Route: origin\r\n").body.substr(0, 18), "GET /from-provider");
}

TEST_F(PluginWrapperTest, LoggersAndStickinessCostNobodyHisAnswer) {
  test::InProcessProxy proxy(config("access_logs { config { [access_loggers/throwing] {} } }",
                                    "stickiness { config { [stickiness/throwing] {} } }"),
                             offerThrowing);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(proxy).status(), 200);
  EXPECT_TRUE(countsErrors(proxy, 4));
}

TEST_F(PluginWrapperTest, ProbesThatThrowSayNothing) {
  for (const std::string name : {"throwing", "unmade"}) {
    test::InProcessProxy proxy(
        config({},
               "health_checks { interval { nanos: 20000000 } timeout { nanos: 10000000 } "
               "healthy_threshold: 1 unhealthy_threshold: 1 config { [health_checkers/" +
                   name + "] {} } }"),
        offerThrowing);
    EXPECT_TRUE(countsErrors(proxy, 2)) << name;
    EXPECT_EQ(proxy.stat("cluster_health_checks_total",
                         {{"cluster", "origin"}, {"check", name}, {"result", "fail"}}),
              0);
  }
}

TEST_F(PluginWrapperTest, ANetworkFilterThatThrowsClosesItsConnection) {
  test::InProcessProxy proxy(
      "listeners { name: \"edge\" address: \"127.0.0.1:0\" filter_chains { "
      "filters { config { [network_filters/throwing] {} } } "
      "filters { config { [network_filters/echo] {} } } } }\n" +
          test::runtime(1),
      offerThrowing);
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  client.send("x");
  EXPECT_TRUE(client.closedByPeer());
  EXPECT_TRUE(countsErrors(proxy, 1));
}

TEST_F(PluginWrapperTest, SettingsThatThrowOrAreNotWantedAreErrorsOfTheFile) {
  test::InProcessProxy proxy(config({}, {}), offerThrowing);
  const std::string thrown =
      proxy.reload(config({}, "load_balancing { config { [load_balancing/unsettled] {} } }"));
  EXPECT_NE(thrown.find("thrown on purpose"), std::string::npos) << thrown;
  const std::string unwanted = proxy.reload(
      config({}, "load_balancing { config { [load_balancing/throwing] { text: \"x\" } } }"));
  EXPECT_NE(unwanted.find("takes no configuration; leave it empty"), std::string::npos) << unwanted;
  EXPECT_EQ(ask(proxy).status(), 200);
}

}  // namespace
}  // namespace weir::plugin
