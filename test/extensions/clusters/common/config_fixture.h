#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/base/registry.h"
#include "source/config/snapshot.h"
#include "source/stats/stats.h"

namespace weir::extensions::clusters {

// Compiles configurations of one cluster that has an extension of this category.
class ClusterConfigFixture : public ::testing::Test {
 protected:
  explicit ClusterConfigFixture(std::unique_ptr<base::Extension> extension) {
    EXPECT_TRUE(registry_.add(std::move(extension)).ok());
    EXPECT_TRUE(
        registry_.add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>()).ok());
    EXPECT_TRUE(registry_.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  }
  // The findings for a cluster "c" with these fields, which begin line 2; empty: none.
  std::string findings(std::string_view fields) {
    config::Diagnostics diagnostics;
    snapshot_ = loader_.loadText(base::concat("admin { address: \"127.0.0.1:1\" } clusters { ",
                                              "name: \"c\"\n", fields, " }"),
                                 "w.textproto", 1, diagnostics);
    return diagnostics.toString();
  }
  // Of the cluster without findings.
  const upstream::ClusterConfig& cluster() { return *snapshot_->clusters.at(0); }

  base::Registry registry_;
  stats::Store store_;
  config::Loader loader_{registry_, store_};
  std::shared_ptr<const config::Snapshot> snapshot_;
};

inline std::string endpoint(std::string_view address) {
  return base::concat("endpoints { address: \"", address, "\" }\n");
}

}  // namespace weir::extensions::clusters
