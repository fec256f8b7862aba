#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/service_map.h"
#include "source/base/string_map.h"
#include "source/control/health_events.h"
#include "source/control/health_observer.h"
#include "source/event/dispatcher.h"
#include "source/stats/stats.h"
#include "source/upstream/cluster.h"
#include "source/upstream/endpoint.h"

namespace weir::control {

class ClusterRouting;

// Host sets that came about in one turn of the main loop, each newer than the one before of its
// cluster. Immutable.
struct HostsBatch {
  struct Entry {
    std::string cluster;
    std::shared_ptr<const upstream::HostSet> hosts;
  };
  std::vector<Entry> entries;
  event::MonotonicTime published;
};

// The one writer of which endpoints clusters have and which of them are picked: membership from the
// configuration or from what finds it, health as observed, policy from the configuration. Makes the
// host sets of them and publishes those, once per turn of the loop. Main-thread only.
class RoutingState final : private event::TurnEndTask {
 public:
  using Clusters = std::vector<std::shared_ptr<const upstream::ClusterConfig>>;
  using Hosts = std::vector<std::shared_ptr<const upstream::HostSet>>;
  // Called at the end of a turn in which something changed; not from inside follow().
  using Publish = std::function<void(std::shared_ptr<const HostsBatch>)>;

  // `services` as for config::MainPart::start(); outlives it.
  RoutingState(base::ServiceMap& services, Publish publish);
  ~RoutingState();
  RoutingState(const RoutingState&) = delete;
  RoutingState& operator=(const RoutingState&) = delete;

  // A new configuration: clusters of the same name go on with their members' health and with what
  // finds their members, as far as that is configured in the same way; when it is not, they keep
  // the members until the new one has found some. Returns the host sets that go with `clusters`, in
  // their order, for the publication of the configuration: a worker must not have the one without
  // the other.
  Hosts follow(const Clusters& clusters);

  // An observation of an endpoint's health, or the operator's word.
  Taken observe(std::string_view cluster, std::string_view endpoint, Observation observation);
  // What real traffic has met at an endpoint.
  void onTrouble(std::string_view cluster, std::string_view endpoint, upstream::Trouble trouble);
  // The members of a cluster and what is known of them; empty when there is no such cluster.
  std::vector<ObservedMember> members(std::string_view cluster) const;
  // What has happened to endpoints.
  HealthEvents& events() { return events_; }
  // What is current, though perhaps not yet published; null when there is no such cluster.
  std::shared_ptr<const upstream::HostSet> hosts(std::string_view cluster) const;

 private:
  friend class ClusterRouting;
  void onTurnEnd() override;
  void changed() { dispatcher_.atTurnEnd(*this); }
  uint64_t nextVersion() { return ++version_; }

  base::ServiceMap& services_;
  event::Dispatcher& dispatcher_;
  stats::Store& stats_;
  HealthEvents events_;
  const Publish publish_;
  uint64_t version_ = 1;  // what a configuration brings with it has 1
  base::StringMap<std::unique_ptr<ClusterRouting>> clusters_;
};

}  // namespace weir::control
