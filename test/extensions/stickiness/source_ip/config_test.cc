#include "extensions/stickiness/source_ip/config.h"

#include <gtest/gtest.h>

#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::stickiness::source_ip {
namespace {

// The findings for a configuration, or the name of the stickiness that it makes.
std::string outcome(std::string_view fields) {
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<SourceIpExtension>()).ok());
  EXPECT_TRUE(
      registry.add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("admin { address: \"127.0.0.1:1\" }\n"
                   "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } stickiness { "
                   "config { [stickiness/source_ip] {\n",
                   fields, "\n} } } }"),
      "w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  return std::string(snapshot->clusters.at(0)->stickiness->name());
}

TEST(SourceIpConfig, TakesWhatIsInRange) {
  for (const char* fields :
       {"", "ipv4_prefix_length: 24 ipv6_prefix_length: 128",
        "table { ttl { seconds: 1 } max_entries: 1 max_bytes: 4096 }",
        "table { ttl { seconds: 2592000 } max_entries: 10000000 max_bytes: 1000000000 }"}) {
    EXPECT_EQ(outcome(fields), "source_ip") << fields;
  }
}

TEST(SourceIpConfig, RefusesWhatIsNot) {
  EXPECT_EQ(outcome("ipv4_prefix_length: 33 table {\nttl { nanos: 5000000 }\nmax_entries: 10000001 "
                    "max_bytes: 1 }"),
            "w.textproto:3:21: clusters[0].stickiness.config.ipv4_prefix_length: 33 is out of "
            "range; it must be 1 to 32\n"
            "w.textproto:4:1: clusters[0].stickiness.config.table.ttl: 5 ms is out of range; it "
            "must be 1 s to 720 h\n"
            "w.textproto:5:14: clusters[0].stickiness.config.table.max_entries: 10000001 is out of "
            "range; it must be 1 to 10000000\n"
            "w.textproto:5:34: clusters[0].stickiness.config.table.max_bytes: 1 is out of range; "
            "it must be 4096 to 1000000000\n");
}

}  // namespace
}  // namespace weir::extensions::stickiness::source_ip
