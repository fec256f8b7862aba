#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "source/base/concat.h"
#include "source/config/snapshot.h"
#include "test/config/fake_extensions.h"

namespace weir::config {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kSmall = R"(
listeners {
  name: "edge"
  address: "127.0.0.1:8080"
  filter_chains {
    filters {
      config {
        [network_filters/http_connection_manager] {
          virtual_hosts { name: "all" domains: "*" routes { route { cluster: "web" } } }
        }
      }
    }
  }
}
clusters { name: "web" endpoints { address: "10.0.0.1:80" } }
)";

class LoaderTest : public testing::Test {
 protected:
  std::shared_ptr<const Snapshot> load(std::string_view text, uint64_t version = 1) {
    diagnostics_ = {};
    return loader_.loadText(text, "w.textproto", version, diagnostics_);
  }

  std::unique_ptr<base::Registry> registry_ = fakeRegistry();
  stats::Store store_;
  Loader loader_{*registry_, store_};
  Diagnostics diagnostics_;
};

TEST_F(LoaderTest, FillsEveryDefault) {
  const auto snapshot = load(kSmall, 7);
  ASSERT_NE(snapshot, nullptr) << diagnostics_.toString();
  EXPECT_EQ(snapshot->version, 7u);
  EXPECT_FALSE(snapshot->admin_address);
  EXPECT_EQ(snapshot->runtime.workers, 0u);
  EXPECT_EQ(snapshot->runtime.drain_timeout, milliseconds(30'000));
  EXPECT_EQ(snapshot->runtime.log_level, "info");

  const network::ListenerConfig& listener = *snapshot->listeners.at(0);
  EXPECT_EQ(listener.address.toString(), "127.0.0.1:8080");
  EXPECT_EQ(listener.backlog, 4096u);
  EXPECT_EQ(listener.max_connections, 0u);
  ASSERT_NE(listener.selector, nullptr);
  const network::FilterChainConfig& chain = *listener.filter_chains.at(0);
  EXPECT_EQ(chain.name, "chain-0");
  EXPECT_FALSE(chain.match.destination_port);
  EXPECT_TRUE(chain.match.source_prefixes.empty());
  EXPECT_EQ(chain.filters.at(0).name, "http_connection_manager");

  const upstream::ClusterConfig& cluster = *snapshot->clusters.at(0);
  EXPECT_EQ(cluster.connect_timeout, milliseconds(5'000));
  EXPECT_EQ(cluster.idle_timeout, milliseconds(60'000));
  EXPECT_EQ(cluster.max_connections, 1024u);
  EXPECT_EQ(cluster.max_pending_requests, 1024u);
  EXPECT_EQ(cluster.max_requests_per_connection, 0u);
  const upstream::Endpoint& endpoint = *cluster.hosts->hosts.at(0).endpoint;
  EXPECT_EQ(endpoint.id, "10.0.0.1:80");
  EXPECT_EQ(endpoint.weight, 1u);
  EXPECT_EQ(cluster.hosts->eligible, std::vector<uint32_t>{0});
}

TEST_F(LoaderTest, TakesWhatIsGiven) {
  const auto snapshot = load(R"(
admin { address: "[::1]:9901" }
runtime { workers: 3 drain_timeout { nanos: 1500000 } max_connections: 9 max_unawaited_calls: 7
          log { level: LEVEL_OFF } }
clusters {
  name: "c"
  endpoints { address: "10.0.0.1:80" weight: 0 id: "spare" }
  endpoints { address: "unix:/run/x" weight: 65535 }
  connect_timeout { nanos: 250000000 }
  idle_timeout { }
  max_connections: 1
  max_pending_requests: 0
  max_requests_per_connection: 5
})");
  ASSERT_NE(snapshot, nullptr) << diagnostics_.toString();
  EXPECT_EQ(snapshot->admin_address->toString(), "[::1]:9901");
  EXPECT_EQ(snapshot->runtime.workers, 3u);
  EXPECT_EQ(snapshot->runtime.drain_timeout, milliseconds(1));
  EXPECT_EQ(snapshot->runtime.max_connections, 9u);
  EXPECT_EQ(snapshot->runtime.max_unawaited_calls, 7u);
  EXPECT_EQ(snapshot->runtime.log_level, "off");
  const upstream::ClusterConfig& cluster = *snapshot->clusters.at(0);
  EXPECT_EQ(cluster.connect_timeout, milliseconds(250));
  EXPECT_EQ(cluster.idle_timeout, milliseconds(0));
  EXPECT_EQ(cluster.max_connections, 1u);
  EXPECT_EQ(cluster.max_pending_requests, 0u);
  EXPECT_EQ(cluster.max_requests_per_connection, 5u);
  EXPECT_EQ(cluster.hosts->hosts.at(0).endpoint->id, "spare");
  EXPECT_EQ(cluster.hosts->eligible, std::vector<uint32_t>{1});
}

TEST_F(LoaderTest, ClustersSpeakHttp1UnlessTheySayOtherwise) {
  const auto snapshot = load(kSmall);
  ASSERT_NE(snapshot, nullptr) << diagnostics_.toString();
  const upstream::ClusterConfig& cluster = *snapshot->clusters.at(0);
  EXPECT_EQ(cluster.http_protocol, upstream::HttpProtocol::kHttp1);
  EXPECT_FALSE(cluster.http2_stats);
  EXPECT_EQ(cluster.max_requests, 0u);
  EXPECT_EQ(cluster.streams_per_connection, ~uint32_t{0});
}

TEST_F(LoaderTest, TakesWhatIsGivenForHttp2) {
  const auto snapshot = load(R"(
admin { address: "[::1]:9901" }
clusters {
  name: "c"
  endpoints { address: "10.0.0.1:80" }
  http_protocol: HTTP_PROTOCOL_HTTP2
  http2 { max_concurrent_streams: 7 limits { max_resets: 3 } }
  streams_per_connection: 5
  max_requests: 11
})");
  ASSERT_NE(snapshot, nullptr) << diagnostics_.toString();
  const upstream::ClusterConfig& cluster = *snapshot->clusters.at(0);
  EXPECT_EQ(cluster.http_protocol, upstream::HttpProtocol::kHttp2);
  EXPECT_TRUE(cluster.http2_stats);
  EXPECT_EQ(cluster.http2.max_concurrent_streams, 7u);
  EXPECT_EQ(cluster.http2.max_resets, 3u);
  EXPECT_EQ(cluster.streams_per_connection, 5u);
  EXPECT_EQ(cluster.max_requests, 11u);
}

TEST_F(LoaderTest, UsageOfAClusterOutlivesItsConfiguration) {
  const auto first = load(kSmall, 1);
  const auto second = load(kSmall, 2);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->clusters[0]->usage, second->clusters[0]->usage);
  EXPECT_EQ(first->clusters[0]->stats.requests.index, second->clusters[0]->stats.requests.index);
}

TEST_F(LoaderTest, CanonicalTextLoadsAgainAndIsStable) {
  const auto first = load(kSmall);
  ASSERT_NE(first, nullptr);
  const auto second = load(first->text);
  ASSERT_NE(second, nullptr) << diagnostics_.toString();
  EXPECT_EQ(first->text, second->text);
  EXPECT_EQ(first->json, second->json);
  EXPECT_NE(first->json.find("\"@type\": \"type.googleapis.com/weir.extensions.network_filters."
                             "http_connection_manager.v1.HttpConnectionManager\""),
            std::string::npos)
      << first->json;
  EXPECT_NE(first->json.find("\"virtual_hosts\""), std::string::npos);
}

TEST_F(LoaderTest, ARefusedFileLeavesNoMetrics) {
  const std::string before = store_.json();
  EXPECT_EQ(load(base::concat(kSmall, "clusters { name: \"ghost\" endpoints { addres: \"\" } }")),
            nullptr);
  EXPECT_EQ(store_.json().find("ghost"), std::string::npos);
}

TEST_F(LoaderTest, FilesAreFoundFromTheConfigurationsFolder) {
  const std::string folder = std::getenv("TEST_TMPDIR");
  std::ofstream(folder + "/page.html") << "<p>hi</p>";
  std::ofstream(folder + "/w.textproto") << R"(
listeners {
  name: "l"
  address: "127.0.0.1:0"
  filter_chains { filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "v" domains: "*"
      routes { direct_response { status: 200 body_file: "page.html" } }
    }
  } } } }
})";
  EXPECT_NE(loader_.loadFile(folder + "/w.textproto", 1, diagnostics_), nullptr)
      << diagnostics_.toString();
}

// Take one value of a good file at a time and damage it: there is a finding, and it has a place.
TEST_F(LoaderTest, EveryDamagedFieldIsFound) {
  const std::string good(kSmall);
  const std::vector<std::string> fields = {
      "listeners",     "name",   "address", "filter_chains", "filters",  "config",   "domains",
      "virtual_hosts", "routes", "route",   "cluster",       "clusters", "endpoints"};
  int damaged = 0;
  for (const std::string& field : fields) {
    for (size_t at = good.find(field); at != std::string::npos; at = good.find(field, at + 1)) {
      const size_t end = at + field.size();
      const bool whole =
          (good[at - 1] == ' ' || good[at - 1] == '\n') && (good[end] == ' ' || good[end] == ':');
      if (!whole) continue;
      std::vector<std::string> variants = {good.substr(0, at) + "no_" + good.substr(at)};
      if (good[end] == ':') {
        const size_t open = good.find('"', end);
        const size_t close = good.find('"', open + 1) + 1;
        for (const char* value : {"5", "true", "{ }", "\"\"", "[]", "[1]"}) {
          variants.push_back(good.substr(0, open) + value + good.substr(close));
        }
      } else {
        const size_t open = good.find('{', end);
        variants.push_back(good.substr(0, open) + ": 5 " + good.substr(open));
        variants.push_back(good.substr(0, open) + "{ } no { " + good.substr(open + 1));
      }
      for (const std::string& bad : variants) {
        ++damaged;
        EXPECT_EQ(load(bad), nullptr) << bad;
        EXPECT_FALSE(diagnostics_.ok()) << bad;
        for (const Diagnostic& diagnostic : diagnostics_.list()) {
          EXPECT_GE(diagnostic.line, 1) << bad;
          EXPECT_GE(diagnostic.column, 1) << bad;
        }
      }
    }
  }
  EXPECT_GT(damaged, 50);
}

TEST_F(LoaderTest, TenThousandRoutesLoad) {
  std::string hosts;
  for (int i = 0; i < 10'000; ++i) {
    hosts += base::concat("routes { match { path: \"/", i, "\" } route { cluster: \"web\" } }\n");
  }
  std::string text(kSmall);
  const size_t at = text.find("routes");
  EXPECT_NE(load(text.substr(0, at) + hosts + text.substr(at)), nullptr)
      << diagnostics_.toString().substr(0, 2000);
}

}  // namespace
}  // namespace weir::config
