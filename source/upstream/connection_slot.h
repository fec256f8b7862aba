#pragma once

#include <memory>

#include "source/upstream/cluster.h"

namespace weir::upstream {

// The place of one open connection: counts against the limits of its cluster and endpoint over all
// workers and into the statistics of this one, until it is released or destroyed. Worker-confined;
// outlived by cluster and endpoint.
class ConnectionSlot {
 public:
  ConnectionSlot() = default;  // none
  // None when a limit forbids it.
  static ConnectionSlot take(WorkerCluster& cluster, WorkerEndpoint& endpoint);
  // Closes idle connections that hold the place, here or on other workers, where that helps.
  static ConnectionSlot takeOrMakeRoom(WorkerCluster& cluster, WorkerEndpoint& endpoint);
  ConnectionSlot(ConnectionSlot&& other) noexcept;
  ConnectionSlot& operator=(ConnectionSlot&& other) noexcept;
  ~ConnectionSlot() { release(); }

  explicit operator bool() const { return usage_ != nullptr; }
  void release();

 private:
  std::shared_ptr<ClusterUsage> usage_;  // of when it was taken: configurations come and go
  std::shared_ptr<EndpointUsage> endpoint_usage_;
  WorkerEndpoint* endpoint_ = nullptr;
};

}  // namespace weir::upstream
