#pragma once

#include <cstdint>
#include <string_view>

#include "source/base/log.h"
#include "source/event/dispatcher.h"
#include "source/stats/stats.h"

namespace weir::upstream {

class WorkerCluster;

// A counter with the label `kind`: pick, version, host_set.
inline constexpr std::string_view kRoutingViolations = "routing_violations_total";
inline constexpr std::string_view kRoutingViolationsHelp =
    "Picks and host sets that broke the laws of routing; anything but 0 is a bug";

// Looks, as one of a worker's services, whether that worker keeps the laws of routing: that
// requests go only to eligible endpoints (of the picks, one in kEvery is looked at), and that host
// sets only get newer. Worker-confined; one pick more costs an addition.
class RoutingMonitor {
 public:
  static constexpr uint32_t kEvery = 128;  // a power of two

  RoutingMonitor(event::Dispatcher& dispatcher, stats::Store& stats, stats::Block& block);
  // `host`, an index into the current host set, was picked; `bound`: because the client belongs to
  // it.
  void onPick(const WorkerCluster& cluster, uint32_t host, bool bound) {
    if ((++picks_ & (kEvery - 1)) == 0) look(cluster, host, bound);
  }
  void onHosts(std::string_view cluster, uint64_t version_before, uint64_t version);

 private:
  void look(const WorkerCluster& cluster, uint32_t host, bool bound);

  event::Dispatcher& dispatcher_;
  stats::Cell& wrong_picks_;
  stats::Cell& older_versions_;
  uint32_t picks_ = 0;
  base::log::LogLimiter log_{std::chrono::seconds(10)};
};

// Pure: the law for one pick. It is in a group of the host set, or the client belongs to it and the
// policy keeps such clients, or the algorithm is one that is told endpoints by name, or makes
// groups of its own (LoadBalancerFactory::picksBeyondGroups()).
bool mayBePicked(const WorkerCluster& cluster, uint32_t host, bool bound);

}  // namespace weir::upstream
