// The part of WorkerCluster that stands for other clusters.

#include <algorithm>
#include <utility>

#include "source/upstream/cluster.h"
#include "source/upstream/cluster_set.h"

namespace weir::upstream {

WorkerCluster::Standing WorkerCluster::standing() {
  if (config_->endpoint_source) return Standing::kFine;
  if (!config_->clusters.empty()) {
    findOthers();
    Standing best = Standing::kNothing;
    for (WorkerCluster* const other : others_) best = std::min(best, other->standing());
    return best;
  }
  if (hosts_->groups.empty()) return Standing::kNothing;
  const bool panic = std::any_of(hosts_->groups.begin(), hosts_->groups.end(),
                                 [](const HostGroup& group) { return group.panic; });
  return panic ? Standing::kPanic : Standing::kFine;
}

void WorkerCluster::findOthers() {
  const ClusterSet& set = services_.get<ClusterSet>();
  if (others_of_ == set.generation()) return;
  others_of_ = set.generation();
  others_.clear();
  for (const std::string& name : config_->clusters) {
    if (WorkerCluster* const other = set.find(name).get()) others_.push_back(other);
  }
}

// The first that has an endpoint which was not tried; those in panic, which may have none that
// works, only when all others have none; one that was tried only when there is nothing else. A wait
// is an answer: who has endpoints, but no room, is asked to queue.
WorkerCluster::Choice WorkerCluster::chooseOther(const PickContext& context) {
  findOthers();
  Choice tried;
  Choice failed{.kind = Pick::Kind::kFailure, .reason = "no_eligible_endpoint"};
  for (const Standing standing : {Standing::kFine, Standing::kPanic, Standing::kNothing}) {
    for (WorkerCluster* const other : others_) {
      if (other->standing() != standing) continue;
      Choice choice = other->choose(context);
      if (choice.kind == Pick::Kind::kWait || choice.kind == Pick::Kind::kLookup) return choice;
      if (choice.kind == Pick::Kind::kFailure) {
        if (choice.reason == kStickyEndpointDown) return choice;
        failed.reason = choice.reason;
        continue;
      }
      const bool followed = context.sticky != nullptr &&
                            context.sticky->of == choice.cluster.get() &&
                            context.sticky->outcome == StickyRequest::Outcome::kFollowed;
      const bool again = !followed && context.tried_in == choice.cluster.get() &&
                         isTried(context, choice.endpoint->index());
      if (!again) return choice;
      if (tried.kind != Pick::Kind::kEndpoint) tried = std::move(choice);
    }
  }
  return tried.kind == Pick::Kind::kEndpoint ? std::move(tried) : std::move(failed);
}

}  // namespace weir::upstream
