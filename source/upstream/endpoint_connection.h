#pragma once

#include <memory>
#include <string_view>

#include "source/network/connection.h"
#include "source/upstream/cluster.h"

namespace weir::upstream {

// One connection to an endpoint that serves one client connection alone, as L4 proxying needs it:
// counts against the limits of cluster and endpoint, into the statistics, and as in flight for the
// balancer, from open() until it has closed or is destroyed. Keeps cluster and endpoint alive. Not
// pooled. Worker-confined.
class EndpointConnection {
 public:
  // Its owner. Like network::ConnectionHandler, whose calls come through here; each may destroy
  // the EndpointConnection.
  using Handler = network::ConnectionHandler;

  // Takes a connection that is up already (SpareConnections) or starts connecting; the outcome
  // comes by handler.onConnected or onClose, never from inside. nullptr when a limit forbids it,
  // although idle connections that hold the place were closed or asked for; then nothing of
  // `choice` is taken. `choice` has an endpoint; `handler` outlives the connection.
  static std::unique_ptr<EndpointConnection> open(WorkerCluster::Choice& choice,
                                                  const network::TransportTarget& target,
                                                  Handler& handler);
  // Closes at once when still open, without telling the handler. The network connection itself is
  // destroyed later (deferred).
  virtual ~EndpointConnection() = default;

  // Close it by its close(), set its watermarks, splice it; its handler stays as it is.
  virtual network::Connection& connection() = 0;
  virtual WorkerEndpoint& endpoint() = 0;
  virtual WorkerCluster& cluster() = 0;
  // Brings the cluster's byte counters up to date. Happens with all that comes through here, and
  // at the end: of use while bytes pass by splice(2), of which nothing is seen here.
  virtual void countBytes() = 0;
  // Why it was closed here, with CloseReason::kLocal: "endpoint_drained"; empty: it was not.
  virtual std::string_view brokenOff() const = 0;
};

}  // namespace weir::upstream
