// The part of WorkerCluster that says what it would choose, and changes nothing.

#include "source/upstream/cluster.h"

namespace weir::upstream {

PickForecast WorkerCluster::forecast(PickContext context) const {
  PickForecast out;
  if (!config_->clusters.empty() || config_->endpoint_source) return out;
  context.now = io_.dispatcher().now();
  out.scores.resize(hosts_->hosts.size());
  balancer_->forecast(context, out);
  return out;
}

WorkerCluster::StickyForecast WorkerCluster::forecastSticky(PickContext context) {
  StickyForecast out;
  if (stickiness_ == nullptr) return out;
  context.now = io_.dispatcher().now();
  StickyRequest request{.of = this, .only_look = true};
  context.sticky = &request;
  const StickyAnswer answer = stickiness_->find(context, request);
  if (answer.kind != StickyAnswer::Kind::kBound) return out;
  out.bound = true;
  request.found = answer.uid;
  out.host = hosts_by_uid_->find(answer.uid);
  if (!out.host) return out;
  const bool full = endpoints_[*out.host] && endpoints_[*out.host]->full(/*for_request=*/true);
  out.goes_there = bindingTo(context, out.host) == Binding::kHolds && !full;
  return out;
}

}  // namespace weir::upstream
