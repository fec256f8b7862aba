#include "source/control/drains.h"

#include <algorithm>
#include <vector>

#include "absl/container/flat_hash_set.h"

#include "source/upstream/endpoint_health.h"

namespace weir::control {
namespace {

using upstream::ClusterConfig;
using upstream::Departure;
using upstream::EndpointUsage;
using upstream::Health;
using upstream::HostSet;

// Clients that belong to it still get there.
bool keepsClients(const ClusterConfig& config, const HostSet::Host& host) {
  return host.health == Health::kDraining && config.stickiness != nullptr &&
         config.sticky_policy.keep_draining;
}

bool sameMembers(const HostSet& a, const HostSet& b) {
  return std::equal(a.hosts.begin(), a.hosts.end(), b.hosts.begin(), b.hosts.end(),
                    [](const auto& x, const auto& y) { return x.uid == y.uid; });
}

}  // namespace

Drains::Drains(event::Dispatcher& dispatcher, stats::Store& stats, HealthEvents& events)
    : dispatcher_(dispatcher),
      stats_(stats),
      events_(events),
      timer_(dispatcher.createTimer([this] { poll(); })) {}

Drains::~Drains() = default;

void Drains::stop() {
  stopped_ = true;
  timer_->cancel();
  clusters_.clear();
}

Drains::Cluster& Drains::clusterOf(const std::string& name) {
  const auto [found, added] = clusters_.try_emplace(name);
  if (added) {
    const stats::Labels labels{{"cluster", name}};
    found->second.metrics = {
        stats_.gauge("cluster_draining_endpoints",
                     "Endpoints that get nothing new and at which something still runs", labels),
        stats_.counter("cluster_drained_connections_total",
                       "Connections that ended by themselves while their endpoint drained", labels),
        stats_.counter("cluster_broken_connections_total",
                       "Connections that were broken off because their endpoint was to be left",
                       labels),
        stats_.counter("cluster_broken_requests_total",
                       "Requests that were broken off because their endpoint was to be left",
                       labels)};
  }
  return found->second;
}

void Drains::enter(Cluster& cluster, const ClusterConfig& config, const HostSet::Host& host,
                   Entry entry) {
  entry.endpoint = host.endpoint;
  entry.cluster_usage = config.usage;
  entry.usage = config.usage->findEndpoint(host.endpoint->id);
  entry.ends = entry.departure.ends(config.drain);
  if (entry.usage != nullptr) {
    entry.broken_connections_before = entry.usage->broken_connections;
    entry.broken_requests_before = entry.usage->broken_requests;
  }
  cluster.entries[host.uid] = std::move(entry);
}

void Drains::follow(const Change& change) {
  if (stopped_) return;
  const HostSet& hosts = change.after;
  std::vector<std::pair<uint32_t, Departure>> departing;
  for (uint32_t i = 0; i < hosts.hosts.size(); ++i) {
    const Departure departure = upstream::departureOf(hosts, i, change.config.drain);
    if (departure.departs()) departing.emplace_back(i, departure);
  }
  const bool watched = clusters_.contains(change.config.name);
  if (!watched && departing.empty() && sameMembers(change.before, hosts)) return;
  Cluster& cluster = clusterOf(change.config.name);
  cluster.removed = false;
  noteRemoved(cluster, change);
  for (const auto& [index, departure] : departing) {
    const HostSet::Host& host = hosts.hosts[index];
    const bool keeps_clients = keepsClients(change.config, host);
    const auto before = cluster.entries.find(host.uid);
    if (before != cluster.entries.end() && before->second.departure.since == departure.since &&
        before->second.departure.kind == departure.kind) {
      before->second.ends = departure.ends(change.config.drain);
      before->second.keeps_clients = keeps_clients;
      continue;
    }
    enter(cluster, change.config, host,
          {.departure = departure,
           .publication = change.publication,
           .revision = change.revision(index),
           .health = host.health,
           .keeps_clients = keeps_clients});
  }
  showGauge(cluster);
  if (cluster.entries.empty()) clusters_.erase(change.config.name);
  arm();
}

// Those that are no members any more; and no longer those that are fit again.
void Drains::noteRemoved(Cluster& cluster, const Change& change) {
  const HostSet& hosts = change.after;
  absl::flat_hash_map<uint64_t, uint32_t> places;
  absl::flat_hash_set<std::string_view> ids;
  places.reserve(hosts.hosts.size());
  ids.reserve(hosts.hosts.size());
  for (uint32_t i = 0; i < hosts.hosts.size(); ++i) {
    places.emplace(hosts.hosts[i].uid, i);
    ids.insert(hosts.hosts[i].endpoint->id);
  }
  absl::erase_if(cluster.entries, [&](const auto& item) {
    const auto place = places.find(item.first);
    if (place != places.end()) {
      return item.second.removed ||
             !upstream::departureOf(hosts, place->second, change.config.drain).departs();
    }
    return item.second.drained || ids.contains(item.second.endpoint->id);
  });
  const Departure departure = upstream::departureOfRemoved(dispatcher_.now());
  for (const HostSet::Host& host : change.before.hosts) {
    if (places.contains(host.uid) || ids.contains(host.endpoint->id)) continue;
    const auto found = cluster.entries.find(host.uid);
    if (found != cluster.entries.end()) {
      found->second.removed = true;  // in the time that it has left
    } else {
      enter(cluster, change.config, host,
            {.departure = departure, .publication = change.publication, .removed = true});
    }
  }
}

void Drains::removeCluster(const ClusterConfig& config, const HostSet& hosts,
                           const std::weak_ptr<const void>& publication) {
  if (stopped_) return;
  static const HostSet kNone;
  follow({config, hosts, kNone, publication, [](uint32_t) { return uint64_t{0}; }});
  const auto found = clusters_.find(config.name);
  if (found != clusters_.end()) found->second.removed = true;
}

// --- Watching ---

void Drains::arm() {
  const bool any = std::any_of(clusters_.begin(), clusters_.end(), [](const auto& item) {
    return std::any_of(item.second.entries.begin(), item.second.entries.end(),
                       [](const auto& entry) { return !entry.second.drained; });
  });
  if (!any) return timer_->cancel();
  if (!timer_->running()) timer_->start(kPoll);
}

void Drains::poll() {
  for (auto& [name, cluster] : clusters_) {
    bool changed = false;
    for (auto& [uid, entry] : cluster.entries) {
      changed = look(name, cluster.metrics, entry) || changed;
    }
    if (!changed) continue;
    absl::erase_if(cluster.entries,
                   [](const auto& item) { return item.second.removed && item.second.drained; });
    showGauge(cluster);
  }
  absl::erase_if(clusters_, [](const auto& item) { return item.second.entries.empty(); });
  arm();
}

EndpointUsage::Totals Drains::totalsOf(const Entry& entry) {
  return entry.usage != nullptr ? entry.usage->totals() : EndpointUsage::Totals();
}

bool Drains::look(const std::string& name, const Metrics& metrics, Entry& entry) {
  if (entry.drained) return false;
  // A worker may have come to it since.
  if (entry.usage == nullptr) {
    entry.usage = entry.cluster_usage->findEndpoint(entry.endpoint->id);
  }
  if (!entry.begun) {
    if (!entry.publication.expired()) return false;
    begin(name, entry, totalsOf(entry));
  }
  const EndpointUsage::Totals totals = totalsOf(entry);
  if (!isOver(entry, totals)) return false;
  finish(name, metrics, entry, totals);
  return true;
}

bool Drains::isOver(const Entry& entry, const EndpointUsage::Totals& totals) const {
  if (totals.active_connections > 0 || totals.active_requests > 0) return false;
  return !entry.keeps_clients || dispatcher_.now() >= entry.ends;
}

HealthEvent Drains::event(HealthEvent::Kind kind, const std::string& cluster,
                          const Entry& entry) const {
  HealthEvent event;
  event.kind = kind;
  event.cluster = cluster;
  event.endpoint = entry.endpoint->id;
  event.address = entry.endpoint->address.toString();
  event.revision = entry.revision;
  event.source = entry.removed ? "membership" : "drain";
  event.cause = entry.removed ? "removed" : upstream::healthName(entry.health);
  return event;
}

void Drains::begin(const std::string& name, Entry& entry, const EndpointUsage::Totals& totals) {
  entry.begun = true;
  entry.connections_before = totals.connections;
  entry.connections_then = totals.active_connections;
  entry.broken_then = entry.usage != nullptr ? entry.usage->broken_connections.load() : 0;
  const bool anything = totals.active_connections > 0 || totals.active_requests > 0 ||
                        entry.broken_then != entry.broken_connections_before;
  const bool asked_for = entry.removed || entry.health != Health::kUnhealthy;
  if (!anything && !asked_for) {
    entry.drained = true;
    return;
  }
  HealthEvent told = event(HealthEvent::Kind::kDraining, name, entry);
  told.connections = totals.active_connections;
  told.requests = totals.active_requests;
  events_.add(std::move(told));
}

void Drains::finish(const std::string& name, const Metrics& metrics, Entry& entry,
                    const EndpointUsage::Totals& totals) {
  if (entry.drained) return;  // nothing was there, and nobody asked
  entry.drained = true;
  uint32_t broken = 0;
  uint32_t broken_requests = 0;
  uint32_t since_begun = 0;
  if (entry.usage != nullptr) {
    const uint32_t now = entry.usage->broken_connections;
    broken = now - entry.broken_connections_before;
    since_begun = now - entry.broken_then;
    broken_requests = entry.usage->broken_requests - entry.broken_requests_before;
  }
  const uint64_t ended = entry.connections_then + (totals.connections - entry.connections_before);
  const uint64_t finished = ended - std::min<uint64_t>(ended, since_begun);
  stats::Block& block = stats_.block(0);
  block.counter(metrics.drained).add(finished);
  block.counter(metrics.broken_connections).add(broken);
  block.counter(metrics.broken_requests).add(broken_requests);
  if (broken > 0 || broken_requests > 0) {
    HealthEvent told = event(HealthEvent::Kind::kDrainEnded, name, entry);
    told.connections = broken;
    told.requests = broken_requests;
    told.finished = finished;
    events_.add(std::move(told));
  }
  HealthEvent told = event(HealthEvent::Kind::kDrained, name, entry);
  told.finished = finished;
  events_.add(std::move(told));
}

// --- Showing ---

void Drains::showGauge(Cluster& cluster) {
  const auto draining = std::count_if(cluster.entries.begin(), cluster.entries.end(),
                                      [](const auto& item) { return !item.second.drained; });
  stats::Cell& cell = stats_.block(0).gauge(cluster.metrics.draining);
  cell.add(static_cast<uint64_t>(draining) - cell.value());
  if (draining == 0 && cluster.removed) stats_.hide(cluster.metrics.draining);
}

std::vector<Drains::Shown> Drains::shown(std::string_view cluster) const {
  std::vector<Shown> all;
  const auto found = clusters_.find(cluster);
  if (found == clusters_.end()) return all;
  for (const auto& [uid, entry] : found->second.entries) {
    const EndpointUsage::Totals totals = totalsOf(entry);
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(entry.ends - dispatcher_.now());
    all.push_back({.endpoint = entry.endpoint,
                   .removed = entry.removed,
                   .drained = entry.drained,
                   .connections = totals.active_connections,
                   .requests = totals.active_requests,
                   .left = std::max(left, std::chrono::milliseconds(0))});
  }
  std::sort(all.begin(), all.end(),
            [](const Shown& a, const Shown& b) { return a.endpoint->id < b.endpoint->id; });
  return all;
}

}  // namespace weir::control
