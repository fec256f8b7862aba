#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "source/base/string_map.h"
#include "source/control/health_events.h"
#include "source/event/dispatcher.h"
#include "source/stats/stats.h"
#include "source/upstream/cluster.h"
#include "source/upstream/departure.h"

namespace weir::control {

// Counts what still runs at endpoints that get nothing new (upstream::Departure), those too that
// have left the configuration, until nothing is left of it: then it is told as an event. The
// workers do the rest by themselves. Costs nothing while no endpoint departs. Main-thread only.
class Drains {
 public:
  static constexpr std::chrono::milliseconds kPoll{100};

  // What a cluster has now. For the call.
  struct Change {
    const upstream::ClusterConfig& config;
    const upstream::HostSet& before;
    const upstream::HostSet& after;
    // Gone when every worker has `after`: until then more may begin at an endpoint.
    std::weak_ptr<const void> publication;
    // Of the state of an endpoint of `after`.
    std::function<uint64_t(uint32_t index)> revision;
  };
  // One endpoint that departs. Value.
  struct Shown {
    std::shared_ptr<const upstream::Endpoint> endpoint = {};
    bool removed = false;  // it is no member any more
    bool drained = false;  // nothing is left
    uint64_t connections = 0;
    uint64_t requests = 0;
    std::chrono::milliseconds left{0};  // until what runs is broken off
  };

  // All outlives it.
  Drains(event::Dispatcher& dispatcher, stats::Store& stats, HealthEvents& events);
  ~Drains();
  Drains(const Drains&) = delete;
  Drains& operator=(const Drains&) = delete;

  // Another host set, or another configuration. An endpoint is the same as long as it has the same
  // HostSet::Host::uid. One that is fit again is no longer watched; nor is one that was removed
  // when there is another of its id, since they are counted together.
  void follow(const Change& change);
  // The cluster has gone, with all its endpoints.
  void removeCluster(const upstream::ClusterConfig& config, const upstream::HostSet& hosts,
                     const std::weak_ptr<const void>& publication);
  // No more events.
  void stop();
  // Of a cluster, by id.
  std::vector<Shown> shown(std::string_view cluster) const;

 private:
  struct Entry {
    std::shared_ptr<const upstream::Endpoint> endpoint = {};
    std::shared_ptr<upstream::ClusterUsage> cluster_usage = {};
    std::shared_ptr<upstream::EndpointUsage> usage = {};  // null: no worker has come to it yet
    upstream::Departure departure = {};
    event::MonotonicTime ends = {};
    std::weak_ptr<const void> publication = {};
    uint64_t revision = 0;
    upstream::Health health = upstream::Health::kHealthy;  // when it was entered
    bool removed = false;
    bool keeps_clients = false;  // those who belong to it, until `ends`
    bool begun = false;          // all workers know
    bool drained = false;
    // As of when it was begun.
    uint64_t connections_before = 0;  // opened ever
    uint64_t connections_then = 0;    // open
    uint32_t broken_then = 0;
    // As of when it was entered.
    uint32_t broken_connections_before = 0;
    uint32_t broken_requests_before = 0;
  };
  struct Metrics {
    stats::GaugeId draining;
    stats::CounterId drained, broken_connections, broken_requests;
  };
  // By HostSet::Host::uid.
  using Entries = absl::flat_hash_map<uint64_t, Entry>;
  struct Cluster {
    Metrics metrics;
    Entries entries;
    bool removed = false;
  };

  Cluster& clusterOf(const std::string& name);
  void enter(Cluster& cluster, const upstream::ClusterConfig& config,
             const upstream::HostSet::Host& host, Entry entry);
  void noteRemoved(Cluster& cluster, const Change& change);
  void poll();
  // False: nothing has changed.
  bool look(const std::string& name, const Metrics& metrics, Entry& entry);
  bool isOver(const Entry& entry, const upstream::EndpointUsage::Totals& totals) const;
  void begin(const std::string& name, Entry& entry, const upstream::EndpointUsage::Totals& totals);
  void finish(const std::string& name, const Metrics& metrics, Entry& entry,
              const upstream::EndpointUsage::Totals& totals);
  HealthEvent event(HealthEvent::Kind kind, const std::string& cluster, const Entry& entry) const;
  static upstream::EndpointUsage::Totals totalsOf(const Entry& entry);
  void showGauge(Cluster& cluster);
  void arm();

  event::Dispatcher& dispatcher_;
  stats::Store& stats_;
  HealthEvents& events_;
  base::StringMap<Cluster> clusters_;  // in which something departs
  std::unique_ptr<event::Timer> timer_;
  bool stopped_ = false;
};

}  // namespace weir::control
