#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "source/base/intrusive_list.h"
#include "source/base/local_ref.h"
#include "source/network/connection.h"
#include "source/upstream/cluster.h"
#include "source/upstream/connection_slot.h"

namespace weir::upstream {

// Connections to one endpoint that are up before an L4 session wants one (ConnectionPolicy::
// preconnect). One ends when the endpoint ends it, or unused after the cluster's idle timeout or
// the connections' lifetime; others come only with the next session, so that a cluster at rest
// keeps none. What an endpoint says first waits for the session. Worker-confined.
class SpareConnections {
 public:
  // One that is up, with all that belongs to it; reading is off.
  struct Taken {
    base::LocalRef<BoundTransport> transport = {};  // outlives the connection
    ConnectionSlot slot = {};
    std::unique_ptr<network::Connection> connection = {};  // null: there is none
  };

  // `endpoint` outlives it.
  explicit SpareConnections(WorkerEndpoint& endpoint);
  ~SpareConnections();
  // Up.
  size_t size() const { return up_count_; }
  // The one that is up for the shortest time: the endpoint is the least likely to have ended it.
  Taken take();
  // Opens more until `wanted` are up or on their way, or a limit forbids it.
  void topUp(uint32_t wanted);
  // Closes the oldest; false when none is up.
  bool closeOne();
  void closeAll();

 private:
  class Spare;
  void onUp(Spare& spare);
  void close(Spare& spare);

  WorkerEndpoint& endpoint_;
  base::IntrusiveList<Spare> up_;  // the newest in front
  base::IntrusiveList<Spare> connecting_;
  size_t up_count_ = 0;
  size_t connecting_count_ = 0;
};

}  // namespace weir::upstream
