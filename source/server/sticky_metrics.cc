#include "source/server/sticky_metrics.h"

#include <cstdint>
#include <vector>

#include "source/base/concat.h"
#include "source/server/metric_text.h"
#include "source/server/server.h"
#include "source/upstream/cluster.h"

namespace weir::server {
namespace {

using base::concat;
using Totals = upstream::StickyMemory::Totals;

constexpr MetricFamily<Totals> kFamilies[] = {
    {"cluster_sticky_entries", "gauge", "Clients that stickiness knows the endpoint of",
     &Totals::entries},
    {"cluster_sticky_bytes", "gauge", "Memory for that", &Totals::bytes},
    {"cluster_sticky_evicted_total", "counter", "Bindings that were forgotten for want of room",
     &Totals::evicted},
    {"cluster_sticky_expired_total", "counter", "Bindings that were forgotten with time",
     &Totals::expired},
};

std::string labelOf(const upstream::ClusterConfig& cluster) {
  return concat("cluster=\"", stats::escapedLabel(cluster.name), "\"");
}

void appendPinned(Server& server, std::string& text) {
  constexpr std::string_view kName = "endpoint_pinned_clients";
  text += metricHeader(kName, "gauge", "Clients that belong to the endpoint");
  for (const auto& cluster : server.snapshot().clusters) {
    if (cluster->stickiness == nullptr) continue;
    const auto hosts = server.routing().hosts(cluster->name);
    if (hosts == nullptr) continue;
    for (const upstream::HostSet::Host& host : hosts->hosts) {
      const auto usage = cluster->usage->findEndpoint(host.endpoint->id);
      if (usage == nullptr) continue;
      text += concat("weir_", kName, "{", labelOf(*cluster), ",endpoint=\"",
                     stats::escapedLabel(host.endpoint->id), "\"} ",
                     usage->pinned.load(std::memory_order_relaxed), "\n");
    }
  }
}

}  // namespace

std::string stickyMetrics(Server& server, std::string_view filter) {
  std::vector<MetricRow<Totals>> rows;
  for (const auto& cluster : server.snapshot().clusters) {
    if (cluster->stickiness == nullptr) continue;
    rows.push_back({labelOf(*cluster), cluster->usage->stickyTotals(server.dispatcher().now())});
  }
  std::string text;
  if (rows.empty()) return text;
  appendMetrics<Totals>(kFamilies, rows, filter, text);
  if (std::string_view("endpoint_pinned_clients").find(filter) != std::string_view::npos) {
    appendPinned(server, text);
  }
  return text;
}

}  // namespace weir::server
