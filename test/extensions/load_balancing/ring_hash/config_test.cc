#include "extensions/load_balancing/ring_hash/config.h"

#include <gtest/gtest.h>

#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::load_balancing::ring_hash {
namespace {

// The findings for a configuration, or the name of the balancing that it makes.
std::string outcome(std::string_view fields) {
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<RingHashExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("admin { address: \"127.0.0.1:1\" }\n"
                   "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } load_balancing { "
                   "config { [load_balancing/ring_hash] {\n",
                   fields, "\n} } } }"),
      "w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  return std::string(snapshot->clusters.at(0)->load_balancer->name());
}

TEST(RingHashConfig, TakesWhatIsInRange) {
  for (const char* fields :
       {"", "points_per_weight: 1 max_points: 1024 probes: 1 bounded_load_percent: 105",
        "points_per_weight: 4096 max_points: 16777216 probes: 64 bounded_load_percent: 10000"}) {
    EXPECT_EQ(outcome(fields), "ring_hash") << fields;
  }
}

TEST(RingHashConfig, RefusesWhatIsNot) {
  EXPECT_EQ(outcome("points_per_weight: 4097\nmax_points: 1023\nprobes: 65\n"
                    "bounded_load_percent: 100"),
            "w.textproto:3:20: clusters[0].load_balancing.config.points_per_weight: 4097 is out of "
            "range; it must be 1 to 4096\n"
            "w.textproto:4:13: clusters[0].load_balancing.config.max_points: 1023 is out of range; "
            "it must be 1024 to 16777216\n"
            "w.textproto:5:9: clusters[0].load_balancing.config.probes: 65 is out of range; it "
            "must be 1 to 64\n"
            "w.textproto:6:23: clusters[0].load_balancing.config.bounded_load_percent: 100 is out "
            "of range; it must be 105 to 10000\n");
}

}  // namespace
}  // namespace weir::extensions::load_balancing::ring_hash
