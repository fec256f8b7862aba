#include "source/upstream/routing_monitor.h"

#include "source/upstream/cluster.h"
#include "source/upstream/endpoint_health.h"
#include "source/upstream/stickiness.h"

namespace weir::upstream {

RoutingMonitor::RoutingMonitor(event::Dispatcher& dispatcher, stats::Store& stats,
                               stats::Block& block)
    : dispatcher_(dispatcher),
      wrong_picks_(block.counter(
          stats.counter(kRoutingViolations, kRoutingViolationsHelp, {{"kind", "pick"}}))),
      older_versions_(block.counter(
          stats.counter(kRoutingViolations, kRoutingViolationsHelp, {{"kind", "version"}}))) {}

bool mayBePicked(const WorkerCluster& cluster, uint32_t host, bool bound) {
  const HostSet& hosts = cluster.hosts();
  if (host >= hosts.hosts.size()) return false;
  if (hosts.group_of[host] != HostSet::kNoGroup) return true;
  const ClusterConfig& config = cluster.config();
  if (bound && keepsClients(hosts, host, config.sticky_policy, config.policy)) return true;
  return config.load_balancer->picksBeyondGroups(hosts.hosts[host].health);
}

void RoutingMonitor::look(const WorkerCluster& cluster, uint32_t host, bool bound) {
  if (mayBePicked(cluster, host, bound)) return;
  wrong_picks_.add();
  if (!log_.admit(dispatcher_.now())) return;
  const HostSet& hosts = cluster.hosts();
  const bool there = host < hosts.hosts.size();
  base::log::error("upstream", "cluster \"", cluster.name(), "\": endpoint \"",
                   there ? std::string_view(hosts.hosts[host].endpoint->id) : "?",
                   "\" was picked, which is ",
                   there ? healthName(hosts.hosts[host].health) : "no member",
                   " and not eligible in host set ", hosts.version);
}

void RoutingMonitor::onHosts(std::string_view cluster, uint64_t version_before, uint64_t version) {
  if (version >= version_before) return;
  older_versions_.add();
  if (!log_.admit(dispatcher_.now())) return;
  base::log::error("upstream", "cluster \"", cluster, "\": host set ", version, " came after ",
                   version_before);
}

}  // namespace weir::upstream
