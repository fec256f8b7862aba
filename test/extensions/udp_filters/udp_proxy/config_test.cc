#include "extensions/udp_filters/udp_proxy/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "extensions/udp_filters/udp_proxy/udp_proxy.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::udp_filters::udp_proxy {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class UdpProxyConfigTest : public testing::Test {
 protected:
  UdpProxyConfigTest() {
    EXPECT_TRUE(registry_.add(std::make_unique<UdpProxyExtension>()).ok());
    EXPECT_TRUE(
        registry_.add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>()).ok());
    EXPECT_TRUE(registry_.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  }
  // A listener with these fields; what is wrong, or empty.
  std::string load(std::string_view listener) {
    config::Diagnostics diagnostics;
    snapshot_ = loader_.loadText(
        base::concat("clusters { name: \"dns\" endpoints { address: \"10.0.0.1:53\" } }\n",
                     listener),
        "w.textproto", ++version_, diagnostics);
    return diagnostics.toString();
  }
  std::string loadProxy(std::string_view fields) {
    return load(
        base::concat("listeners { name: \"l\" address: \"0.0.0.0:53\" udp_filter { config { "
                     "[udp_filters/udp_proxy] { ",
                     fields, " } } } }"));
  }
  const UdpProxyConfig& proxy() const {
    return std::dynamic_pointer_cast<const UdpProxyFactory>(snapshot_->listeners[0]->udp_filter)
        ->config();
  }

  base::Registry registry_;
  stats::Store store_;
  config::Loader loader_{registry_, store_};
  std::shared_ptr<const config::Snapshot> snapshot_;
  uint64_t version_ = 0;
};

TEST_F(UdpProxyConfigTest, Defaults) {
  ASSERT_EQ(loadProxy("cluster: \"dns\""), "");
  EXPECT_EQ(proxy().cluster, "dns");
  EXPECT_EQ(proxy().hash_policy, UdpProxyConfig::HashPolicy::kNone);
  EXPECT_EQ(proxy().removed, UdpProxyConfig::Removed::kMove);
  EXPECT_FALSE(proxy().replace_when_full);
  EXPECT_EQ(proxy().idle_timeout, milliseconds(60'000));
  EXPECT_EQ(proxy().max_duration, milliseconds(0));
  EXPECT_EQ(proxy().max_sessions, 10'000u);
  EXPECT_EQ(proxy().max_responses, 0u);
  EXPECT_EQ(proxy().max_datagram_bytes, 65'507u);
  EXPECT_EQ(proxy().max_queued_bytes, 131'072u);
}

TEST_F(UdpProxyConfigTest, AllFields) {
  ASSERT_EQ(
      loadProxy("cluster: \"dns\" hash_policy: HASH_POLICY_FIVE_TUPLE idle_timeout { seconds: 5 } "
                "max_session_duration { seconds: 600 } max_sessions: 100 overflow: "
                "OVERFLOW_REPLACE max_responses: 1 max_datagram_bytes: 4096 max_queued_bytes: "
                "8192 max_datagrams_per_second: 10 max_bytes_per_second: 5000 removed_endpoint: "
                "REMOVED_ENDPOINT_KEEP"),
      "");
  EXPECT_EQ(proxy().hash_policy, UdpProxyConfig::HashPolicy::kFiveTuple);
  EXPECT_EQ(proxy().removed, UdpProxyConfig::Removed::kKeep);
  EXPECT_TRUE(proxy().replace_when_full);
  EXPECT_EQ(proxy().idle_timeout, milliseconds(5'000));
  EXPECT_EQ(proxy().max_duration, milliseconds(600'000));
  EXPECT_EQ(proxy().max_sessions, 100u);
  EXPECT_EQ(proxy().max_responses, 1u);
  EXPECT_EQ(proxy().max_datagram_bytes, 4'096u);
  EXPECT_EQ(proxy().max_queued_bytes, 8'192u);
  EXPECT_EQ(proxy().max_datagrams_per_second, 10u);
  EXPECT_EQ(proxy().max_bytes_per_second, 5'000u);
}

TEST_F(UdpProxyConfigTest, SaysWhatIsWrong) {
  EXPECT_THAT(loadProxy(""), HasSubstr("cluster: is required"));
  EXPECT_THAT(loadProxy("cluster: \"dsn\""), HasSubstr("did you mean \"dns\"?"));
  EXPECT_THAT(loadProxy("cluster: \"dns\" max_sessions: 1000001"), HasSubstr("max_sessions: "));
  EXPECT_THAT(loadProxy("cluster: \"dns\" idle_timeout { nanos: 1000000 }"),
              HasSubstr("idle_timeout: "));
  EXPECT_THAT(loadProxy("cluster: \"dns\" max_datagram_bytes: 65508"),
              HasSubstr("max_datagram_bytes: "));
  EXPECT_THAT(loadProxy("cluster: \"dns\" max_bytes_per_second: 1000"),
              HasSubstr("is less than one datagram of 65507 bytes"));
}

TEST_F(UdpProxyConfigTest, AListenerOfDatagramsHasNothingForConnections) {
  const std::string found = load(
      "listeners { name: \"l\" address: \"unix:/run/dns\" max_connections: 5 backlog: 5\n"
      "listener_filters_timeout { seconds: 1 } filter_chains {}\n"
      "udp_filter { config { [udp_filters/udp_proxy] { cluster: \"dns\" } } } }");
  EXPECT_THAT(found, HasSubstr("address: a unix address takes connections"));
  EXPECT_THAT(found, HasSubstr("filter_chains: is for connections, and a listener with udp_filter "
                               "takes datagrams; give TCP and UDP a listener each"));
  EXPECT_THAT(found, HasSubstr("max_connections: is for connections"));
  EXPECT_THAT(found, HasSubstr("backlog: is for connections"));
  EXPECT_THAT(found, HasSubstr("listener_filters_timeout: is for connections"));
}

TEST_F(UdpProxyConfigTest, PortsOfTcpAndUdpAreApart) {
  const std::string udp =
      "listeners { name: \"NAME\" address: \"0.0.0.0:53\" udp_filter { config { "
      "[udp_filters/udp_proxy] { cluster: \"dns\" } } } }\n";
  const auto named = [&udp](const std::string& name) {
    std::string text = udp;
    return text.replace(text.find("NAME"), 4, name);
  };
  EXPECT_EQ(load(named("a") + "admin { address: \"0.0.0.0:53\" allow_remote: true }"), "");
  EXPECT_THAT(load(named("a") + named("b")), HasSubstr("0.0.0.0:53 is taken by listener \"a\""));
}

}  // namespace
}  // namespace weir::extensions::udp_filters::udp_proxy
