#include "extensions/transport_sockets/common/tls_stats.h"

#include <string>

namespace weir::extensions::transport_sockets {
namespace {

stats::Labels with(stats::Labels labels, std::string name, std::string_view value) {
  labels.emplace_back(std::move(name), std::string(value));
  return labels;
}

}  // namespace

TlsCells TlsCells::bind(base::ServiceMap& services, const stats::Labels& labels) {
  auto& store = services.get<stats::Store>();
  auto& block = services.get<stats::Block>();
  const auto handshakes = [&](std::string_view version) {
    return &block.counter(store.counter("tls_handshakes_total", "TLS handshakes completed.",
                                        with(labels, "version", version)));
  };
  TlsCells cells{};
  cells.handshakes_tls12 = handshakes("TLSv1.2");
  cells.handshakes_tls13 = handshakes("TLSv1.3");
  cells.resumed =
      &block.counter(store.counter("tls_handshakes_resumed_total",
                                   "Of the completed ones, those that resumed a session.", labels));
  for (size_t i = 0; i < kTlsFailures; ++i) {
    cells.failures[i] = &block.counter(store.counter(
        "tls_handshake_failures_total", "TLS handshakes that failed, by what was wrong.",
        with(labels, "reason", tlsFailureName(static_cast<TlsFailure>(i)))));
  }
  cells.errors = &block.counter(store.counter(
      "tls_errors_total",
      "Secured connections that ended by a damaged record, without close_notify, or by an alert.",
      labels));
  cells.alerts_sent =
      &block.counter(store.counter("tls_alerts_sent_total", "TLS alerts sent.", labels));
  cells.alerts_received =
      &block.counter(store.counter("tls_alerts_received_total", "TLS alerts received.", labels));
  cells.handshaking = &block.gauge(store.gauge(
      "tls_handshakes_active", "TLS handshakes under way, from their first byte.", labels));
  cells.waiting = &block.gauge(
      store.gauge("tls_handshakes_waiting", "TLS handshakes that wait for their turn.", labels));
  cells.handshake_us = &block.histogram(store.histogram(
      "tls_handshake_us",
      "From the first byte of a TLS handshake until it is done, in microseconds.", labels));
  return cells;
}

}  // namespace weir::extensions::transport_sockets
