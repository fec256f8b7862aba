#include "extensions/load_balancing/round_robin/config.h"

#include <gtest/gtest.h>

#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::load_balancing::round_robin {
namespace {

// The name of the balancing that the cluster gets.
std::string balancing(std::string_view load_balancing) {
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<RoundRobinExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot =
      loader.loadText(base::concat("admin { address: \"127.0.0.1:1\" }\n"
                                   "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } ",
                                   load_balancing, " }"),
                      "w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  return std::string(snapshot->clusters.at(0)->load_balancer->name());
}

TEST(RoundRobinConfig, Works) {
  EXPECT_EQ(balancing("load_balancing { config { [load_balancing/round_robin] {} } }"),
            "round_robin");
  EXPECT_EQ(balancing("load_balancing { config { [type.googleapis.com/weir.extensions."
                      "load_balancing.round_robin.v1.RoundRobin] {} } }"),
            "round_robin");
}

TEST(RoundRobinConfig, IsTheDefault) {
  EXPECT_EQ(balancing(""), "round_robin");
}

TEST(RoundRobinConfig, HasNoFields) {
  EXPECT_EQ(balancing("load_balancing { config { [load_balancing/round_robin] { choices: 2 } } }"),
            "w.textproto:2:116: clusters[0].load_balancing.config.choices: RoundRobin has no field "
            "\"choices\"\n");
}

}  // namespace
}  // namespace weir::extensions::load_balancing::round_robin
