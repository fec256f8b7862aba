#pragma once

#include <cstdint>
#include <optional>

#include "source/event/dispatcher.h"
#include "source/upstream/cluster.h"

// What traffic has met at an endpoint, for those who judge it by that: counted in EndpointUsage
// where the cluster has outlier detection, told to the main thread when as much has come together
// as OutlierPolicy says, or when a connection could not be had and the cluster is checked. What the
// client, or this host, is to blame for is not to be observed. Worker-confined; a good outcome
// writes nothing that workers share, unless it ends a run of bad ones.
namespace weir::upstream {

// Whether anybody asks what becomes of requests: else they need not be observed.
inline bool requestsObserved(const WorkerCluster& cluster) {
  return cluster.config().outliers.has_value();
}

// Whether also how long answers take is wanted.
inline bool timesObserved(const WorkerCluster& cluster) {
  return requestsObserved(cluster) && cluster.config().outliers->latency_percent_of_median > 0;
}

// A request was answered with `status`; gRPC: with what its status is in HTTP. `waited`: for the
// first byte of that, from the last of the request on; nothing: nobody knows, or wants to.
void observeAnswer(WorkerEndpoint& endpoint, uint16_t status,
                   std::optional<event::MonotonicTime::duration> waited);
// A request was sent, and was not answered, or not to the end.
void observeNoAnswer(WorkerEndpoint& endpoint);
// It has refused a request, unprocessed.
void observeRefusal(WorkerEndpoint& endpoint);

// A connection has come up.
void observeConnected(WorkerEndpoint& endpoint);
// It serves an L4 session, whatever that says.
void observeSession(WorkerEndpoint& endpoint);

struct ConnectFailure {
  bool timed_out = false;
  int error = 0;                             // errno; 0: not by a system call
  event::MonotonicTime::duration took = {};  // from the beginning on
};
// A connection has not come up. Counts as a request that failed. Says nothing when this host had no
// means to connect, or noticed so late that the answer may have been there.
void observeConnectFailure(WorkerEndpoint& endpoint, const ConnectFailure& failure);

}  // namespace weir::upstream
