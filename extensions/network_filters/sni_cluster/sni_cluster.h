#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "source/base/string_map.h"
#include "source/network/network_filter.h"
#include "source/stats/stats.h"
#include "source/upstream/cluster_set.h"

namespace weir::extensions::network_filters::sni_cluster {

// The configuration, validated. Immutable.
struct SniClusterConfig {
  std::string prefix;
  std::string suffix;
  base::StringMap<std::string> exact;     // lower-case name to cluster
  base::StringMap<std::string> suffixes;  // ".shop.example" to cluster
  bool listed_only = false;
  bool close_without = false;
  struct {
    stats::CounterId chosen, without;
  } stats;

  // The cluster that `name` (not empty) stands for, whether it exists or not; empty: none. Made in
  // `room` when it has to be.
  std::string_view clusterFor(std::string_view name, std::string& room) const;
};

// Immutable.
class SniClusterFactory final : public network::NetworkFilterFactory {
 public:
  explicit SniClusterFactory(std::shared_ptr<const SniClusterConfig> config)
      : config_(std::move(config)) {}
  std::unique_ptr<network::WorkerNetworkFilterFactory> bind(
      base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<const SniClusterConfig> config_;
};

}  // namespace weir::extensions::network_filters::sni_cluster
