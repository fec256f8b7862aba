// What a cluster says about its connections and limits: taken over, or refused with the place.

#include "source/config/pool_options.h"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "source/config/snapshot.h"
#include "test/config/fake_extensions.h"

namespace weir::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class PoolOptionsTest : public testing::Test {
 protected:
  // The cluster; null: see findings_.
  std::shared_ptr<const upstream::ClusterConfig> load(
      std::string_view fields, std::string_view endpoint = "address: \"10.0.0.1:80\"") {
    const auto registry = fakeRegistry();
    stats::Store store;
    Loader loader(*registry, store);
    Diagnostics diagnostics;
    const std::string text =
        base::concat("admin { address: \"127.0.0.1:1\" }\nclusters { name: \"c\" endpoints { ",
                     endpoint, " }\n", fields, "\n}\n");
    const auto snapshot = loader.loadText(text, "w", 1, diagnostics);
    findings_ = diagnostics.toString();
    return snapshot == nullptr ? nullptr : snapshot->clusters.front();
  }
  std::string findings(std::string_view fields,
                       std::string_view endpoint = "address: \"10.0.0.1:80\"") {
    EXPECT_EQ(load(fields, endpoint), nullptr);
    return findings_;
  }
  std::string findings_;
};

TEST_F(PoolOptionsTest, HasDefaults) {
  const auto cluster = load("connect_timeout { seconds: 7 }");
  ASSERT_NE(cluster, nullptr) << findings_;
  EXPECT_EQ(cluster->max_requests, 0u) << "HTTP/1 has no such limit";
  EXPECT_EQ(cluster->queue_timeout, seconds(7));
  EXPECT_EQ(cluster->queue_order, upstream::QueueOrder::kFifo);
  EXPECT_EQ(cluster->retry_limits.most, 0u);
  EXPECT_EQ(cluster->retry_limits.budget_percent, 20u);
  EXPECT_EQ(cluster->retry_limits.at_least, 10u);
  EXPECT_EQ(cluster->connections.preconnect, 0u);
  EXPECT_EQ(cluster->connections.max_lifetime, milliseconds(0));
  EXPECT_FALSE(cluster->connections.keep_alive.enabled);
  EXPECT_EQ(cluster->connections.source_ipv4.family(), network::Address::Family::kNone);
  EXPECT_EQ(cluster->hosts->hosts[0].endpoint->max_requests, 0u);
  EXPECT_EQ(load("http_protocol: HTTP_PROTOCOL_HTTP2")->max_requests, 10'000u);
}

TEST_F(PoolOptionsTest, TakesWhatIsGiven) {
  const auto cluster = load(R"(
max_requests: 11
queue { order: QUEUE_ORDER_LIFO timeout { seconds: 2 } }
retry_limits { max: 4 budget_percent: 0 min_concurrency: 0 }
preconnect: 5
max_connection_lifetime { seconds: 60 }
lifetime_jitter_percent: 0
tcp_keep_alive { idle { seconds: 1 } interval { seconds: 2 } probes: 3 }
source_addresses: "127.0.0.2"
source_addresses: "::1")",
                            "address: \"10.0.0.1:80\" max_connections: 6 max_requests: 7");
  ASSERT_NE(cluster, nullptr) << findings_;
  EXPECT_EQ(cluster->max_requests, 11u);
  EXPECT_EQ(cluster->queue_order, upstream::QueueOrder::kLifo);
  EXPECT_EQ(cluster->queue_timeout, seconds(2));
  EXPECT_EQ(cluster->retry_limits.most, 4u);
  EXPECT_EQ(cluster->retry_limits.budget_percent, 0u);
  EXPECT_EQ(cluster->retry_limits.at_least, 0u);
  EXPECT_EQ(cluster->connections.preconnect, 5u);
  EXPECT_EQ(cluster->connections.max_lifetime, seconds(60));
  EXPECT_EQ(cluster->connections.lifetime_jitter_percent, 0u);
  EXPECT_TRUE(cluster->connections.keep_alive.enabled);
  EXPECT_EQ(cluster->connections.keep_alive.idle, seconds(1));
  EXPECT_EQ(cluster->connections.keep_alive.interval, seconds(2));
  EXPECT_EQ(cluster->connections.keep_alive.probes, 3u);
  EXPECT_EQ(cluster->connections.source_ipv4.ip(), "127.0.0.2");
  EXPECT_EQ(cluster->connections.source_ipv6.ip(), "::1");
  EXPECT_EQ(cluster->hosts->hosts[0].endpoint->max_connections, 6u);
  EXPECT_EQ(cluster->hosts->hosts[0].endpoint->max_requests, 7u);
  const auto by_priority = load("queue { order: QUEUE_ORDER_PRIORITY }");
  ASSERT_NE(by_priority, nullptr);
  EXPECT_EQ(by_priority->queue_order, upstream::QueueOrder::kPriority);
  EXPECT_EQ(by_priority->queue_timeout, by_priority->connect_timeout);
}

TEST_F(PoolOptionsTest, RefusesWhatIsOutOfRange) {
  EXPECT_EQ(findings("queue { timeout { } }"),
            "w:3:9: clusters[0].queue.timeout: 0 s is out of range; it must be 1 ms to 10 min\n");
  EXPECT_EQ(findings("preconnect: 1001"),
            "w:3:13: clusters[0].preconnect: 1001 is out of range; it must be 0 to 1000\n");
  EXPECT_EQ(findings("retry_limits { budget_percent: 101 }"),
            "w:3:32: clusters[0].retry_limits.budget_percent: 101 is out of range; it must be 0 to "
            "100\n");
  EXPECT_EQ(findings("", "address: \"10.0.0.1:80\" max_requests: 10000001"),
            "w:2:71: clusters[0].endpoints[0].max_requests: 10000001 is out of range; it must be 0 "
            "to 10000000\n");
  EXPECT_EQ(findings("max_requests: 10000001"),
            "w:3:15: clusters[0].max_requests: 10000001 is out of range; it must be 1 to "
            "10000000\n");
}

TEST_F(PoolOptionsTest, RefusesWhatWouldBeInVain) {
  EXPECT_EQ(findings("lifetime_jitter_percent: 5"),
            "w:3:26: clusters[0].lifetime_jitter_percent: is about max_connection_lifetime, which "
            "is not set; set max_connection_lifetime as well\n");
  EXPECT_EQ(findings("original_source: true\nsource_addresses: \"10.0.0.5\""),
            "w:4:19: clusters[0].source_addresses: connections come from the client's address "
            "already; remove either source_addresses or original_source\n");
}

TEST_F(PoolOptionsTest, RefusesBadSourceAddresses) {
  EXPECT_EQ(findings("source_addresses: \"host\""),
            "w:3:19: clusters[0].source_addresses[0]: \"host\" is not an IP address; write an "
            "address of this host without a port, such as \"10.0.0.5\" or \"2001:db8::5\"\n");
  EXPECT_EQ(findings("source_addresses: \"10.0.0.5:80\""),
            "w:3:19: clusters[0].source_addresses[0]: \"10.0.0.5:80\" is not an IP address; write "
            "an address of this host without a port, such as \"10.0.0.5\" or \"2001:db8::5\"\n");
  EXPECT_EQ(findings("source_addresses: \"10.0.0.5\"\nsource_addresses: \"10.0.0.6\""),
            "w:4:19: clusters[0].source_addresses[1]: there is an address of IPv4 already; keep "
            "one of each family\n");
}

TEST_F(PoolOptionsTest, RefusesPartsOfASecondOfTheKernel) {
  EXPECT_EQ(findings("tcp_keep_alive { idle { seconds: 1 nanos: 500000000 } }"),
            "w:3:18: clusters[0].tcp_keep_alive.idle: the kernel counts in whole seconds; write "
            "1 s\n");
}

}  // namespace
}  // namespace weir::config
