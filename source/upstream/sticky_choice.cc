// The part of WorkerCluster that lets clients stay with their endpoint.

#include <algorithm>
#include <utility>

#include "source/upstream/cluster.h"

namespace weir::upstream {

namespace {

using Outcome = StickyRequest::Outcome;

// Of one request, over all clusters that an aggregate stands for.
constexpr uint8_t kMostLookups = 2;

// What it was about is another cluster's business from now on.
void turnTo(StickyRequest& request, const WorkerCluster& cluster) {
  if (request.of == &cluster) return;
  request.cancel();
  request = {.waiter = request.waiter,
             .of = &cluster,
             .asked = request.lookups >= kMostLookups,
             .lookups = request.lookups};
}

bool hasMetadata(const Endpoint& endpoint, const MetadataMatch& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& pair) {
    const auto found = endpoint.metadata.find(pair.first);
    return found != endpoint.metadata.end() && found->second == pair.second;
  });
}

}  // namespace

StickyStats StickyStats::create(stats::Store& store, const std::string& cluster) {
  const stats::Labels labels{{"cluster", cluster}};
  StickyStats ids;
  ids.followed =
      store.counter("cluster_sticky_followed_total",
                    "Picks that went to the endpoint that the client belongs to", labels);
  ids.bound = store.counter("cluster_sticky_new_total",
                            "Clients that came without a binding and were given one", labels);
  ids.rebound = store.counter(
      "cluster_sticky_rebound_total",
      "Picks of another endpoint because that of the client was not to be had", labels);
  ids.elsewhere = store.counter(
      "cluster_sticky_elsewhere_total",
      "Picks of another endpoint for one request, because that of the client had no room or was "
      "not what the route wants",
      labels);
  ids.strict_failures =
      store.counter("cluster_sticky_strict_failures_total",
                    "Requests that failed because the client's endpoint was not to be had", labels);
  return ids;
}

bool keepsClients(const HostSet& hosts, uint32_t host, const StickyPolicy& sticky,
                  const EligibilityPolicy& eligibility) {
  if (hosts.group_of[host] != HostSet::kNoGroup) return true;
  const HostSet::Host& entry = hosts.hosts[host];
  const bool takes_new = entry.endpoint->weight > 0;
  switch (entry.health) {
    case Health::kHealthy:
    case Health::kDegraded:
      return takes_new || sticky.keep_draining;
    case Health::kUnknown:
      return !eligibility.unknown_waits && (takes_new || sticky.keep_draining);
    case Health::kDraining:
      return sticky.keep_draining;
    case Health::kUnhealthy:
    case Health::kDisabled:
      return false;
  }
  return false;
}

// The one before goes when no frame of its is on the stack and the new one is in its place: those
// who wait for it are told then.
void WorkerCluster::makeStickiness() {
  struct Replaced final : event::DeferredDeletable {
    base::LocalRef<WorkerCluster> cluster;  // destroyed last
    std::shared_ptr<const StickinessFactory> factory;
    std::unique_ptr<Stickiness> stickiness;
  };
  if (stickiness_ != nullptr) {
    auto before = std::make_unique<Replaced>();
    before->cluster = base::LocalRef<WorkerCluster>(this);
    before->factory = std::move(sticky_factory_);
    before->stickiness = std::move(stickiness_);
    io_.dispatcher().deferDelete(std::move(before));
  }
  sticky_factory_ = config_->stickiness;
  if (sticky_factory_ == nullptr) {
    hosts_by_uid_.reset();
    return;
  }
  if (!sticky_cells_) sticky_cells_.emplace(services_.get<stats::Block>(), *config_->sticky_stats);
  stickiness_ = sticky_factory_->create({.services = services_, .cluster = *this});
}

WorkerCluster::Choice WorkerCluster::chooseSticky(PickContext& context, RequestSlot::Quota quota) {
  StickyRequest& request = *context.sticky;
  turnTo(request, *this);
  if (request.lookup != nullptr) return {.kind = Pick::Kind::kLookup};
  const StickyAnswer answer = stickiness_->find(context, request);
  if (answer.kind == StickyAnswer::Kind::kWait) {
    ++request.lookups;
    return {.kind = Pick::Kind::kLookup};
  }
  request.found = answer.kind == StickyAnswer::Kind::kBound ? answer.uid : 0;
  request.outcome = Outcome::kNew;
  if (request.found == 0) return bindAnew(context, chooseByAlgorithm(context, quota), quota);
  const std::optional<uint32_t> host = hosts_by_uid_->find(request.found);
  // Nobody has been served by what this request itself was bound to before it came to nothing.
  const bool strict = config_->sticky_policy.strict && request.own != request.found;
  switch (bindingTo(context, host)) {
    case Binding::kHolds:
      return followBinding(context, *host, quota);
    case Binding::kNotNow: {
      request.outcome = Outcome::kElsewhere;
      Choice choice = chooseByAlgorithm(context, quota);
      if (choice.kind == Pick::Kind::kEndpoint) sticky_cells_->elsewhere.add();
      return choice;
    }
    case Binding::kLost:
      break;
  }
  if (strict) {
    sticky_cells_->strict_failures.add();
    return {.kind = Pick::Kind::kFailure, .reason = kStickyEndpointDown};
  }
  return bindAnew(context, chooseByAlgorithm(context, quota), quota);
}

WorkerCluster::Binding WorkerCluster::bindingTo(const PickContext& context,
                                                std::optional<uint32_t> host) {
  const StickyRequest& request = *context.sticky;
  if (!host) return Binding::kLost;
  const StickyPolicy& policy = config_->sticky_policy;
  if (!keepsClients(*hosts_, *host, policy, config_->policy)) return Binding::kLost;
  const bool draining = hosts_->hosts[*host].health == Health::kDraining;
  if (draining && this->host(*host).drainOver()) return Binding::kLost;
  const bool strict = policy.strict && request.own != request.found;
  if (!strict && !request.stay && isTried(context, *host)) return Binding::kLost;
  const bool matched = context.metadata == nullptr || context.metadata->empty() ||
                       !config_->load_balancer->usesMetadata() ||
                       hasMetadata(*hosts_->hosts[*host].endpoint, *context.metadata);
  return matched ? Binding::kHolds : Binding::kNotNow;
}

// None when there is no room.
RequestSlot WorkerCluster::placeAt(uint32_t index, RequestSlot::Quota quota) {
  WorkerEndpoint& endpoint = host(index);
  if (may_be_full_ && endpoint.full(for_request_)) return {};
  return RequestSlot::take(endpoint, for_request_, quota);
}

WorkerCluster::Choice WorkerCluster::followBinding(PickContext& context, uint32_t index,
                                                   RequestSlot::Quota quota) {
  StickyRequest& request = *context.sticky;
  if (RequestSlot slot = placeAt(index, quota)) {
    notePick(index, /*bound=*/true);
    request.outcome = Outcome::kFollowed;
    sticky_cells_->followed.add();
    WorkerEndpoint& endpoint = host(index);
    stickiness_->onChosen(context, request, {hosts_->hosts[index], endpoint.sharedUsage()});
    return chosen(base::LocalRef<WorkerEndpoint>(&endpoint), std::move(slot));
  }
  // Full. The binding of a client that was served there stays as it is.
  if (request.own == request.found) {
    return bindAnew(context, chooseAround(context, index, quota), quota);
  }
  if (config_->sticky_policy.strict) return wait("sticky_endpoint_full");
  request.outcome = Outcome::kElsewhere;
  Choice choice = chooseAround(context, index, quota);
  if (choice.kind == Pick::Kind::kEndpoint) sticky_cells_->elsewhere.add();
  return choice;
}

// Where another request of the same client was faster, this one goes there as well, if it can.
WorkerCluster::Choice WorkerCluster::bindAnew(PickContext& context, Choice choice,
                                              RequestSlot::Quota quota) {
  if (choice.kind != Pick::Kind::kEndpoint) return choice;
  StickyRequest& request = *context.sticky;
  const HostSet::Host& entry = hosts_->hosts[choice.endpoint->index()];
  if (request.found != 0 && request.own != request.found) sticky_cells_->rebound.add();
  const uint64_t now_at =
      stickiness_->onChosen(context, request, {entry, choice.endpoint->sharedUsage()});
  if (now_at == 0 || now_at == entry.uid) {
    request.own = entry.uid;
    return choice;
  }
  request.found = now_at;
  request.own = 0;
  request.outcome = Outcome::kElsewhere;
  const std::optional<uint32_t> host = hosts_by_uid_->find(now_at);
  if (bindingTo(context, host) != Binding::kHolds) return choice;
  // Its place in the quota goes over.
  choice.slot.cancelButQuota();
  Choice other = followBinding(context, *host, quota);
  if (other.kind == Pick::Kind::kEndpoint) return other;
  choice.slot = RequestSlot::take(*choice.endpoint, for_request_, quota);
  if (!choice.slot) return wait("endpoints_full");
  return choice;
}

void WorkerCluster::stickyAnswer(const PickContext& context, WorkerEndpoint& endpoint,
                                 http::ResponseHead& head) {
  const bool there = endpoint.index() != WorkerEndpoint::kRemoved;
  if (stickiness_ == nullptr || !there || context.sticky->of != this) return;
  stickiness_->onAnswer(context, *context.sticky,
                        {hosts_->hosts[endpoint.index()], endpoint.sharedUsage()}, head);
}

}  // namespace weir::upstream
