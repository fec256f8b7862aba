#include "test/extensions/stickiness/common/config_outcome.h"

#include <utility>

#include "gtest/gtest.h"

#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::stickiness::test {

std::string configOutcome(std::unique_ptr<base::Extension> extension, std::string_view fields,
                          const std::string& file) {
  base::Registry registry;
  const std::string name(extension->name());
  EXPECT_TRUE(registry.add(std::move(extension)).ok());
  EXPECT_TRUE(
      registry.add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("admin { address: \"127.0.0.1:1\" }\n"
                   "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } stickiness { "
                   "config { [stickiness/",
                   name, "] {\n", fields, "\n} } } }"),
      file, 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  return std::string(snapshot->clusters.at(0)->stickiness->name());
}

}  // namespace weir::extensions::stickiness::test
