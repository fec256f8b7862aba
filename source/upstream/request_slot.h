#pragma once

#include <cstdint>
#include <utility>

namespace weir::upstream {

class WorkerCluster;
class WorkerEndpoint;

// The place of one request, or of one L4 session, at the endpoint that was chosen for it: counts as
// in flight on this worker and, where there are such limits, against Endpoint::max_requests and
// ClusterConfig::max_requests over all workers, until it is released or destroyed; then those who
// wait for room are told. Worker-confined; outlived by endpoint and cluster.
class RequestSlot {
 public:
  // What the caller has taken in the cluster's RequestQuota, the slot gives back.
  enum class Quota : uint8_t { kNone, kTaken };

  RequestSlot() = default;  // none
  // `request`: an HTTP request, to which max_requests applies. None when the endpoint has no room;
  // the quota is the caller's then.
  static RequestSlot take(WorkerEndpoint& endpoint, bool request, Quota quota);
  RequestSlot(RequestSlot&& other) noexcept
      : endpoint_(std::exchange(other.endpoint_, nullptr)),
        cluster_(other.cluster_),
        at_endpoint_(other.at_endpoint_),
        in_quota_(other.in_quota_) {}
  RequestSlot& operator=(RequestSlot&& other) noexcept {
    std::swap(endpoint_, other.endpoint_);
    std::swap(cluster_, other.cluster_);
    std::swap(at_endpoint_, other.at_endpoint_);
    std::swap(in_quota_, other.in_quota_);
    return *this;
  }
  ~RequestSlot() { release(); }

  explicit operator bool() const { return endpoint_ != nullptr; }
  void release() {
    if (endpoint_ != nullptr && giveBack()) tell();
  }
  // Likewise, but it was of no use: nobody is told, who would find as little.
  void cancel() {
    if (endpoint_ != nullptr) giveBack();
  }
  // Likewise, but what it has in the quota is the caller's again.
  void cancelButQuota() {
    in_quota_ = false;
    cancel();
  }

 private:
  bool giveBack();
  void tell();

  WorkerEndpoint* endpoint_ = nullptr;
  WorkerCluster* cluster_ = nullptr;
  bool at_endpoint_ = false;  // counted in EndpointUsage::requests
  bool in_quota_ = false;
};

}  // namespace weir::upstream
