#include "extensions/load_balancing/random/config.h"

#include <gtest/gtest.h>

#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::load_balancing::random {
namespace {

// The findings for a configuration, or the name of the balancing that it makes.
std::string outcome(std::string_view fields) {
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<RandomExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("admin { address: \"127.0.0.1:1\" }\n"
                   "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } load_balancing { "
                   "config { [load_balancing/random] {\n",
                   fields, "\n} } } }"),
      "w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  return std::string(snapshot->clusters.at(0)->load_balancer->name());
}

TEST(RandomConfig, Works) {
  EXPECT_EQ(outcome(""), "random");
}

TEST(RandomConfig, HasNoFields) {
  EXPECT_EQ(outcome("seed: 2"),
            "w.textproto:3:1: clusters[0].load_balancing.config.seed: Random has no field "
            "\"seed\"\n");
}

}  // namespace
}  // namespace weir::extensions::load_balancing::random
