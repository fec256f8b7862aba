#include "source/upstream/request_slot.h"

#include "source/upstream/cluster.h"

namespace weir::upstream {

RequestSlot RequestSlot::take(WorkerEndpoint& endpoint, bool request, Quota quota) {
  const uint32_t own = request ? endpoint.endpoint().max_requests : 0;
  RequestSlot slot;
  if (own > 0 && !ClusterUsage::tryAdd(endpoint.usage().requests, own)) return slot;
  ++endpoint.in_flight;
  endpoint.cluster().addInFlight(endpoint, 1);
  slot.endpoint_ = &endpoint;
  slot.cluster_ = &endpoint.cluster();
  slot.at_endpoint_ = own > 0;
  slot.in_quota_ = quota == Quota::kTaken;
  return slot;
}

// True when others may use what it gives back.
bool RequestSlot::giveBack() {
  WorkerEndpoint& endpoint = *std::exchange(endpoint_, nullptr);
  --endpoint.in_flight;
  cluster_->addInFlight(endpoint, -1);
  if (at_endpoint_) endpoint.usage().requests.fetch_sub(1, std::memory_order_relaxed);
  if (in_quota_) cluster_->requestQuota().release();
  return at_endpoint_ || in_quota_;
}

void RequestSlot::tell() {
  cluster_->sharedRoomMade();
}

}  // namespace weir::upstream
