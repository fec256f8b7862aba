#include "source/server/endpoint_metrics.h"

#include <cstdint>
#include <memory>
#include <vector>

#include "source/base/concat.h"
#include "source/server/metric_text.h"
#include "source/server/server.h"
#include "source/upstream/cluster.h"

namespace weir::server {
namespace {

using base::concat;
using Totals = upstream::EndpointUsage::Totals;

// One endpoint that somebody has sent something to: cluster="c",endpoint="e".
using Row = MetricRow<Totals>;

std::vector<Row> rowsOf(Server& server) {
  std::vector<Row> rows;
  for (const auto& cluster : server.snapshot().clusters) {
    const auto hosts = server.routing().hosts(cluster->name);
    if (hosts == nullptr) continue;
    for (const upstream::HostSet::Host& host : hosts->hosts) {
      const auto usage = cluster->usage->findEndpoint(host.endpoint->id);
      if (usage == nullptr) continue;
      rows.push_back({concat("cluster=\"", stats::escapedLabel(cluster->name), "\",endpoint=\"",
                             stats::escapedLabel(host.endpoint->id), "\""),
                      usage->totals()});
    }
  }
  return rows;
}

constexpr MetricFamily<Totals> kFamilies[] = {
    {"endpoint_requests_total", "counter", "Requests sent to the endpoint", &Totals::requests},
    {"endpoint_active_requests", "gauge", "Requests in flight to the endpoint",
     &Totals::active_requests},
    {"endpoint_connections_total", "counter", "Connections opened to the endpoint",
     &Totals::connections},
    {"endpoint_active_connections", "gauge", "Connections to the endpoint open now",
     &Totals::active_connections},
    {"endpoint_connect_failures_total", "counter",
     "Connections to the endpoint that did not come up, also in time", &Totals::connect_failures},
    {"endpoint_resets_total", "counter", "Exchanges that the endpoint or its connection broke off",
     &Totals::resets},
};

void appendResponses(const std::vector<Row>& rows, std::string& text) {
  constexpr std::string_view kClasses[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
  text += metricHeader("endpoint_responses_total", "counter",
                       "Responses from the endpoint by class of status");
  for (const Row& row : rows) {
    for (size_t i = 0; i < 5; ++i) {
      if (row.totals.responses_by_class[i] == 0) continue;
      text += concat("weir_endpoint_responses_total{", row.labels, ",class=\"", kClasses[i], "\"} ",
                     row.totals.responses_by_class[i], "\n");
    }
  }
}

void appendTimes(const std::vector<Row>& rows, std::string& text) {
  constexpr std::string_view kName = "endpoint_response_microseconds";
  text += metricHeader(kName, "summary", "Time from sending a request to its complete answer");
  for (const Row& row : rows) {
    text += concat("weir_", kName, "_sum{", row.labels, "} ", row.totals.response_us, "\n");
    text += concat("weir_", kName, "_count{", row.labels, "} ", row.totals.completed, "\n");
  }
}

}  // namespace

std::string endpointMetrics(Server& server, std::string_view filter) {
  const auto wanted = [filter](std::string_view name) {
    return name.find(filter) != std::string_view::npos;
  };
  const std::vector<Row> rows = rowsOf(server);
  std::string text;
  if (rows.empty()) return text;
  appendMetrics<Totals>(kFamilies, rows, filter, text);
  if (wanted("endpoint_responses_total")) appendResponses(rows, text);
  if (wanted("endpoint_response_microseconds")) appendTimes(rows, text);
  return text;
}

}  // namespace weir::server
