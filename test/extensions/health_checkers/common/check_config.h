#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/base/registry.h"
#include "source/config/snapshot.h"
#include "source/stats/stats.h"

namespace weir::extensions::health_checkers::test {

// Where findings about the fields of a check are.
inline constexpr std::string_view kCheckPath = "clusters[0].health_checks[0].config.";

// The findings for a cluster whose check is configured so, or what the check is called. `category`
// as in the brackets: "health_checkers/tcp". `folder`: of the configuration file.
template <class Extension>
std::string checkOutcome(std::string_view category, std::string_view fields,
                         const std::string& folder = ".") {
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<Extension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  EXPECT_TRUE(
      registry.add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("admin { address: \"127.0.0.1:1\" }\nclusters { name: \"c\" endpoints { "
                   "address: \"10.0.0.1:80\" } health_checks { config { [",
                   category, "] {\n", fields, "\n} } } }"),
      folder + "/w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  return std::string(snapshot->clusters.at(0)->health_checks.at(0)->factory->name());
}

}  // namespace weir::extensions::health_checkers::test
