#include "source/upstream/cluster.h"

namespace weir::upstream {

ClusterStats ClusterStats::create(stats::Store& store, const std::string& cluster) {
  const stats::Labels labels{{"cluster", cluster}};
  ClusterStats ids;
  ids.requests = store.counter("cluster_requests_total", "Requests sent to an endpoint", labels);
  constexpr const char* kClasses[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
  for (int i = 0; i < 5; ++i) {
    ids.responses_by_class[i] =
        store.counter("cluster_responses_total", "Responses from endpoints by class of status",
                      {{"cluster", cluster}, {"class", kClasses[i]}});
  }
  for (size_t i = 0; i < http::kGrpcStatuses; ++i) {
    const std::string_view status = http::grpcStatusName(static_cast<http::GrpcStatus>(i));
    ids.grpc_responses[i] =
        store.counter("cluster_grpc_responses_total", "Answers to gRPC calls by status",
                      {{"cluster", cluster}, {"status", std::string(status)}});
  }
  ids.connections_total =
      store.counter("cluster_connections_total", "Connections opened to endpoints", labels);
  ids.connect_failures =
      store.counter("cluster_connect_failures_total", "Connections that did not come up", labels);
  ids.connect_timeouts = store.counter("cluster_connect_timeouts_total",
                                       "Connections that did not come up in time", labels);
  ids.retries = store.counter("cluster_retries_total",
                              "Requests sent again after an attempt had failed", labels);
  ids.overflow = store.counter("cluster_overflow_total",
                               "Requests refused because the cluster was at its limits", labels);
  ids.resets = store.counter("cluster_resets_total",
                             "Exchanges that an endpoint or its connection broke off", labels);
  ids.bytes_sent = store.counter("cluster_bytes_sent_total", "Bytes sent to endpoints", labels);
  ids.bytes_received =
      store.counter("cluster_bytes_received_total", "Bytes received from endpoints", labels);
  ids.no_endpoint = store.counter("cluster_no_endpoint_total",
                                  "Requests for which no endpoint could be picked", labels);
  constexpr auto kRefused = "cluster_refused_total";
  constexpr auto kRefusedHelp = "Requests, sessions and retries refused at a limit by reason";
  const auto refused = [&](const char* reason) {
    return store.counter(kRefused, kRefusedHelp, {{"cluster", cluster}, {"reason", reason}});
  };
  ids.refused_full = refused("queue_full");
  ids.refused_timeout = refused("queue_timeout");
  ids.refused_displaced = refused("displaced");
  ids.refused_retries = refused("retries");
  ids.active_connections =
      store.gauge("cluster_active_connections", "Connections to endpoints open now", labels);
  ids.active_requests =
      store.gauge("cluster_active_requests", "Requests in flight to endpoints", labels);
  ids.pending_requests =
      store.gauge("cluster_pending_requests",
                  "Requests and sessions that wait for room or for a connection", labels);
  ids.connect_us =
      store.histogram("cluster_connect_microseconds", "Time until a connection was up", labels);
  ids.response_us = store.histogram("cluster_response_microseconds",
                                    "Time from sending a request to its complete answer", labels);
  ids.queue_wait_us =
      store.histogram("cluster_queue_wait_microseconds",
                      "Time that requests and sessions have waited for room", labels);
  return ids;
}

}  // namespace weir::upstream
