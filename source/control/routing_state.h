#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/log.h"
#include "source/base/service_map.h"
#include "source/base/string_map.h"
#include "source/control/drains.h"
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
  std::shared_ptr<const void> publication;  // RoutingState::takePublication()
  event::MonotonicTime published;
};

// What became of the operator's word. Value.
struct Operated {
  enum class Outcome : uint8_t {
    kDone,       // `member` is what it is now
    kStale,      // the state had changed meanwhile; `member` is what it is
    kNoCluster,  // there is none of that name
    kNoEndpoint  // the cluster has none of that id
  };
  Outcome outcome = Outcome::kDone;
  ObservedMember member = {};
  std::string suggestion = {};  // "; did you mean …" or empty, when there is none
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
  // The operator's word, which counts until a configuration says something else than before.
  // `revision`: what ObservedMember::revision has to be, if it is to be looked at. `cause`: for
  // people.
  Operated operate(std::string_view cluster, std::string_view endpoint,
                   upstream::OperatorState state, std::optional<uint64_t> revision,
                   std::string_view cause);
  // What real traffic has met at an endpoint.
  void onTrouble(std::string_view cluster, std::string_view endpoint, upstream::Trouble trouble);
  // The members of a cluster and what is known of them; empty when there is no such cluster.
  std::vector<ObservedMember> members(std::string_view cluster) const;
  // What has happened to endpoints.
  HealthEvents& events() { return events_; }
  // Endpoints that get nothing new.
  const Drains& drains() const { return drains_; }
  // Part of the publication that is next, to be kept until a worker has it: when it has gone, all
  // workers have what came about before. With onTurnEnd() a batch takes it; whoever publishes what
  // follow() gave takes it for that.
  std::shared_ptr<const void> takePublication();
  // What is current, though perhaps not yet published; null when there is no such cluster.
  std::shared_ptr<const upstream::HostSet> hosts(std::string_view cluster) const;

 private:
  friend class ClusterRouting;
  void onTurnEnd() override;
  void changed() { dispatcher_.atTurnEnd(*this); }
  uint64_t nextVersion() { return ++version_; }
  std::weak_ptr<const void> publication() const { return publication_; }
  void checkOne();

  base::ServiceMap& services_;
  event::Dispatcher& dispatcher_;
  stats::Store& stats_;
  HealthEvents events_;
  Drains drains_;
  std::shared_ptr<const void> publication_;  // of the next one
  const Publish publish_;
  uint64_t version_ = 1;  // what a configuration brings with it has 1
  base::StringMap<std::unique_ptr<ClusterRouting>> clusters_;
  // The monitor.
  const stats::CounterId differs_;
  base::log::LogLimiter differs_log_{std::chrono::seconds(10)};
  std::vector<std::string> to_check_;
  std::unique_ptr<event::Timer> check_timer_;
};

}  // namespace weir::control
