#include "extensions/load_balancing/first/config.h"

#include <gtest/gtest.h>

#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::load_balancing::first {
namespace {

// The findings for a configuration, or the name of the balancing that it makes.
std::string outcome(std::string_view fields) {
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<FirstExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("admin { address: \"127.0.0.1:1\" }\n"
                   "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } load_balancing { "
                   "config { [load_balancing/first] {\n",
                   fields, "\n} } } }"),
      "w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  return std::string(snapshot->clusters.at(0)->load_balancer->name());
}

TEST(FirstConfig, TakesWhatIsInRange) {
  for (const char* fields :
       {"", "max_in_flight: 0", "max_in_flight: 1", "max_in_flight: 1000000"}) {
    EXPECT_EQ(outcome(fields), "first") << fields;
  }
}

TEST(FirstConfig, RefusesWhatIsNot) {
  EXPECT_EQ(outcome("max_in_flight: 1000001"),
            "w.textproto:3:16: clusters[0].load_balancing.config.max_in_flight: 1000001 is out of "
            "range; it must be 1 to 1000000\n");
}

}  // namespace
}  // namespace weir::extensions::load_balancing::first
