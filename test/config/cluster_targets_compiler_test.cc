#include "source/config/cluster_targets_compiler.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "extensions/load_balancing/random/config.h"
#include "extensions/load_balancing/ring_hash/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"
#include "test/config/fake_extensions.h"

namespace weir::config {
namespace {

class ClusterTargetsCompilerTest : public testing::Test {
 protected:
  ClusterTargetsCompilerTest() {
    using Random = extensions::load_balancing::random::RandomExtension;
    EXPECT_TRUE(registry_->add(std::make_unique<Random>()).ok());
    using RingHash = extensions::load_balancing::ring_hash::RingHashExtension;
    EXPECT_TRUE(registry_->add(std::make_unique<RingHash>()).ok());
  }
  // The findings of a route action that stands in line 2, or "fine".
  std::string outcome(std::string_view action) {
    stats::Store store;
    Loader loader(*registry_, store);
    Diagnostics diagnostics;
    const auto snapshot = loader.loadText(
        base::concat("listeners { name: \"l\" address: \"127.0.0.1:1\" filter_chains { filters { "
                     "config { [network_filters/http_connection_manager] { virtual_hosts { name: "
                     "\"v\" domains: \"*\" routes { route {\n",
                     action,
                     "\n} } } } } } } }\n"
                     "clusters { name: \"a\" endpoints { address: \"10.0.0.1:80\" }\n"
                     "load_balancing { config { [load_balancing/ring_hash] {} } } }\n"
                     "clusters { name: \"b\" endpoints { address: \"10.0.0.1:80\" }\n"
                     "load_balancing { config { [load_balancing/random] {} } } }"),
        "w", 1, diagnostics);
    std::string text = snapshot == nullptr ? diagnostics.toString() : "fine";
    const size_t at = text.find("routes[0].");
    return at == std::string::npos ? text : text.substr(at + 10);
  }
  std::unique_ptr<base::Registry> registry_ = fakeRegistry();
};

TEST_F(ClusterTargetsCompilerTest, TakesEachKind) {
  for (const std::string_view action : {
           "cluster: 'a'",
           "weighted_clusters { clusters { name: 'a' weight: 99 } clusters { name: 'b' weight: 1 } "
           "}",
           "weighted_clusters { clusters { name: 'a' weight: 1 } clusters { name: 'b' } }",
           "weighted_clusters { clusters { name: 'a' weight: 1 } sticky { cookie { name: 'c' } } }",
           "weighted_clusters { clusters { name: 'a' weight: 1 } sticky { cookie { name: 'c' ttl { "
           "seconds: 60 } path: '/p' secure: true same_site: NONE } } }",
           "weighted_clusters { clusters { name: 'a' weight: 1 } sticky { header: 'X-User' } }",
           "weighted_clusters { clusters { name: 'a' weight: 1 } sticky { client_cookie: 's' } }",
           "weighted_clusters { clusters { name: 'a' weight: 1 } sticky { source_address: true } }",
           "weighted_clusters { clusters { name: 'a' weight: 1 } clusters { name: 'b' weight: 1 } "
           "} "
           "hash_keys { path {} }",
           "cluster_header { name: 'x-cluster' }",
           "cluster_header { name: 'x-cluster' remove: true not_found_status: 404 }",
       }) {
    EXPECT_EQ(outcome(action), "fine") << action;
  }
}

TEST_F(ClusterTargetsCompilerTest, SaysWhatIsWrong) {
  const struct {
    std::string_view action;
    std::string_view finding;
  } cases[] = {
      {"", "route.cluster: "},
      {"cluster: 'a' cluster_header { name: 'x' }",
       "route: says in several ways where to send requests; give only one of cluster, "
       "weighted_clusters and cluster_header\n"},
      {"weighted_clusters {}", "route.weighted_clusters.clusters: is required; "},
      {"weighted_clusters { clusters { name: 'a' } }",
       "route.weighted_clusters.clusters: no cluster has a weight: there would be nowhere to go; "},
      {"weighted_clusters { clusters { name: 'none' weight: 1 } }",
       "route.weighted_clusters.clusters[0].name: "},
      {"weighted_clusters { clusters { name: 'a' weight: 1 } clusters { name: 'a' weight: 1 } }",
       "route.weighted_clusters.clusters[1].name: "},
      {"weighted_clusters { clusters { name: 'a' weight: 1000001 } }",
       "route.weighted_clusters.clusters[0].weight: "},
      {"weighted_clusters { clusters { name: 'a' weight: 1 metadata_match { key: 'k' value: 'v' } "
       "} "
       "}",
       "route.weighted_clusters.clusters[0].metadata_match: load balancing of cluster \"a\" does "
       "not look at metadata; "},
      {"weighted_clusters { clusters { name: 'a' weight: 1 } sticky {} }",
       "route.weighted_clusters.sticky: does not say what clients are known by; "},
      {"weighted_clusters { clusters { name: 'a' weight: 1 } sticky { header: 'a b' } }",
       "route.weighted_clusters.sticky.header: "},
      {"weighted_clusters { clusters { name: 'a' weight: 1 } sticky { source_address: false } }",
       "route.weighted_clusters.sticky.source_address: says nothing when false; "},
      {"weighted_clusters { clusters { name: 'a' weight: 1 } sticky { cookie { path: '/' } } }",
       "route.weighted_clusters.sticky.cookie.name: is required"},
      {"weighted_clusters { clusters { name: 'a' weight: 1 } sticky { cookie { name: 'c' path: "
       "'/;x' } } }",
       "route.weighted_clusters.sticky.cookie.path: "},
      {"weighted_clusters { clusters { name: 'a' weight: 1 } sticky { cookie { name: 'c' ttl { "
       "nanos: 5000000 } } } }",
       "route.weighted_clusters.sticky.cookie.ttl: "},
      {"weighted_clusters { clusters { name: 'a' weight: 1 } sticky { cookie { name: 'c' "
       "same_site: NONE } } }",
       "route.weighted_clusters.sticky.cookie.same_site: browsers take NONE only with Secure; "},
      {"weighted_clusters { clusters { name: 'b' weight: 1 } } hash_keys { path {} }",
       "route.hash_keys: load balancing of cluster \"b\" hashes nothing; "},
      {"cluster_header {}", "route.cluster_header.name: is required"},
      {"cluster_header { name: 'x' not_found_status: 200 }",
       "route.cluster_header.not_found_status: "},
  };
  for (const auto& c : cases) {
    const std::string found = outcome(c.action);
    EXPECT_TRUE(found.starts_with(c.finding)) << c.action << "\n" << found;
  }
}

}  // namespace
}  // namespace weir::config
