#include "source/config/hash_keys.h"

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

class HashKeysTest : public testing::Test {
 protected:
  HashKeysTest() {
    using Random = extensions::load_balancing::random::RandomExtension;
    EXPECT_TRUE(registry_->add(std::make_unique<Random>()).ok());
    using RingHash = extensions::load_balancing::ring_hash::RingHashExtension;
    EXPECT_TRUE(registry_->add(std::make_unique<RingHash>()).ok());
  }
  // The findings, or "fine".
  std::string outcome(std::string_view cluster, std::string_view route = {}) {
    stats::Store store;
    Loader loader(*registry_, store);
    Diagnostics diagnostics;
    const auto snapshot = loader.loadText(
        base::concat("listeners { name: \"l\" address: \"127.0.0.1:1\" filter_chains { filters { "
                     "config { [network_filters/http_connection_manager] {\n"
                     "virtual_hosts { name: \"v\" domains: \"*\" routes { route { cluster: \"c\"\n",
                     route, "\n} } } } } } } }\n",
                     "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" }\n", cluster,
                     "\n}"),
        "w.textproto", 1, diagnostics);
    return snapshot == nullptr ? diagnostics.toString() : "fine";
  }
  // With load balancing that hashes.
  std::string keys(std::string_view keys) {
    return outcome(
        base::concat("load_balancing { config { [load_balancing/ring_hash] {} } }\n", keys));
  }
  std::unique_ptr<base::Registry> registry_ = fakeRegistry();
};

TEST_F(HashKeysTest, TakesEachKind) {
  EXPECT_EQ(keys(R"(
      hash_keys { header: "X-User" }
      hash_keys { cookie: "session" }
      hash_keys { query_parameter: "a[] b" }
      hash_keys { path {} }
      hash_keys { host {} }
      hash_keys { tls_session {} }
      hash_keys { dynamic_metadata { namespace: "auth" key: "tenant" } }
      hash_keys { five_tuple {} }
      hash_keys { source_address { ipv4_prefix_length: 24 ipv6_prefix_length: 48 } })"),
            "fine");
}

TEST_F(HashKeysTest, RefusesWhatCannotBe) {
  EXPECT_EQ(
      keys(R"(hash_keys { header: "x user" }
hash_keys { header: ":path" }
hash_keys { header: "" }
hash_keys { cookie: "a;b" }
hash_keys { query_parameter: "" }
hash_keys { dynamic_metadata { key: "k" } }
hash_keys { source_address { ipv4_prefix_length: 33 ipv6_prefix_length: 0 } }
hash_keys {})"),
      "w.textproto:7:21: clusters[0].hash_keys[0].header: \"x user\" cannot be the name of a "
      "header; names are made of letters, digits and !#$%&'*+-.^_`|~\n"
      "w.textproto:8:21: clusters[0].hash_keys[1].header: \":path\" is no header; use path { } "
      "or host { }\n"
      "w.textproto:9:21: clusters[0].hash_keys[2].header: is required\n"
      "w.textproto:10:21: clusters[0].hash_keys[3].cookie: \"a;b\" cannot be the name of a "
      "cookie; names are made of letters, digits and !#$%&'*+-.^_`|~\n"
      "w.textproto:11:30: clusters[0].hash_keys[4].query_parameter: is required\n"
      "w.textproto:12:13: clusters[0].hash_keys[5].dynamic_metadata.namespace: is required; "
      "write the name that the filter uses\n"
      "w.textproto:13:50: "
      "clusters[0].hash_keys[6].source_address.ipv4_prefix_length: 33 is out of range; it "
      "must be 1 to 32\n"
      "w.textproto:13:73: "
      "clusters[0].hash_keys[6].source_address.ipv6_prefix_length: 0 is out of range; it "
      "must be 1 to 128\n"
      "w.textproto:14:1: clusters[0].hash_keys[7]: names nothing to hash; write "
      "source_address { }, header: \"NAME\" or the like\n");
}

TEST_F(HashKeysTest, RefusesUnknownSourcesAndTwoAtOnce) {
  const std::string unknown = keys("hash_keys { colour: \"red\" }");
  EXPECT_NE(unknown.find("w.textproto:7:13: "), std::string::npos) << unknown;
  EXPECT_NE(unknown.find("known: source_address, five_tuple"), std::string::npos) << unknown;
  const std::string two = keys("hash_keys { header: \"a\" cookie: \"b\" }");
  EXPECT_NE(two.find("w.textproto:7:25: "), std::string::npos) << two;
}

TEST_F(HashKeysTest, RefusesTheSameKeyTwiceAndTooMany) {
  EXPECT_EQ(keys("hash_keys { path {} }\nhash_keys { host {} }\nhash_keys { path {} }"),
            "w.textproto:9:1: clusters[0].hash_keys[2]: is never reached: hash_keys[0] is the "
            "same; remove one\n");
  std::string many;
  for (int i = 0; i < 17; ++i) many += base::concat("hash_keys { header: \"x", i, "\" }\n");
  EXPECT_EQ(keys(many),
            "w.textproto:23:1: clusters[0].hash_keys[16]: there are more than 16 keys; leave some "
            "out\n");
}

TEST_F(HashKeysTest, RefusesKeysThatNobodyHashes) {
  EXPECT_EQ(
      outcome("load_balancing { config { [load_balancing/random] {} } }\nhash_keys { path {} }"),
      "w.textproto:7:1: clusters[0].hash_keys: load balancing by random hashes nothing; "
      "use load_balancing/ring_hash or load_balancing/maglev, or remove hash_keys\n");
  EXPECT_EQ(
      outcome("load_balancing { config { [load_balancing/random] {} } }", "hash_keys { path {} }"),
      "w.textproto:3:1: "
      "listeners[0].filter_chains[0].filters[0].config.virtual_hosts[0].routes[0].route.hash_"
      "keys: load balancing of cluster \"c\" hashes nothing; give it load_balancing/ring_hash "
      "or load_balancing/maglev, or remove hash_keys\n");
  EXPECT_EQ(outcome("load_balancing { config { [load_balancing/ring_hash] {} } }",
                    "hash_keys { path {} }"),
            "fine");
}

}  // namespace
}  // namespace weir::config
