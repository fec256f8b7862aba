#pragma once

#include <array>

#include "extensions/transport_sockets/common/tls_errors.h"
#include "source/base/service_map.h"
#include "source/stats/stats.h"

namespace weir::extensions::transport_sockets {

// What is counted of the TLS connections of one listener or cluster on one worker.
// Worker-confined.
struct TlsCells {
  // `services` has stats::Store and stats::Block. `labels`: {listener=…} or {cluster=…}. Asking
  // again gives the same cells.
  static TlsCells bind(base::ServiceMap& services, const stats::Labels& labels);

  stats::Cell* handshakes_tls12;
  stats::Cell* handshakes_tls13;
  stats::Cell* resumed;
  std::array<stats::Cell*, kTlsFailures> failures;
  stats::Cell* errors;  // after the handshake
  stats::Cell* alerts_sent;
  stats::Cell* alerts_received;
  stats::Cell* handshaking;  // gauges
  stats::Cell* waiting;
  stats::HistogramCell* handshake_us;
};

}  // namespace weir::extensions::transport_sockets
