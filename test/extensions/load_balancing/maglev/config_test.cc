#include "extensions/load_balancing/maglev/config.h"

#include <gtest/gtest.h>

#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::load_balancing::maglev {
namespace {

// The findings for a configuration, or the name of the balancing that it makes.
std::string outcome(std::string_view fields) {
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<MaglevExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("admin { address: \"127.0.0.1:1\" }\n"
                   "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } load_balancing { "
                   "config { [load_balancing/maglev] {\n",
                   fields, "\n} } } }"),
      "w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  return std::string(snapshot->clusters.at(0)->load_balancer->name());
}

TEST(MaglevConfig, TakesWhatIsInRange) {
  for (const char* fields : {"", "table_size: 101 bounded_load_percent: 105",
                             "table_size: 5000011 bounded_load_percent: 10000"}) {
    EXPECT_EQ(outcome(fields), "maglev") << fields;
  }
}

TEST(MaglevConfig, RefusesTablesThatAreNotPrime) {
  EXPECT_EQ(outcome("table_size: 65536"),
            "w.textproto:3:13: clusters[0].load_balancing.config.table_size: 65536 is not a prime; "
            "the next one is 65537\n");
  EXPECT_EQ(outcome("table_size: 1000"),
            "w.textproto:3:13: clusters[0].load_balancing.config.table_size: 1000 is not a prime; "
            "the next one is 1009\n");
}

TEST(MaglevConfig, RefusesWhatIsOutOfRange) {
  EXPECT_EQ(outcome("table_size: 97\nbounded_load_percent: 1"),
            "w.textproto:3:13: clusters[0].load_balancing.config.table_size: 97 is out of range; "
            "it must be 101 to 5000011\n"
            "w.textproto:4:23: clusters[0].load_balancing.config.bounded_load_percent: 1 is out of "
            "range; it must be 105 to 10000\n");
}

}  // namespace
}  // namespace weir::extensions::load_balancing::maglev
