#include "source/control/cluster_routing.h"

#include <algorithm>
#include <utility>

#include "source/upstream/eligibility.h"

namespace weir::control {
namespace {

using upstream::ClusterConfig;
using upstream::Endpoint;
using upstream::Health;
using upstream::HostSet;

// It has traffic in ordinary times.
bool serves(Health health) {
  switch (health) {
    case Health::kUnknown:
    case Health::kHealthy:
    case Health::kDegraded:
      return true;
    case Health::kUnhealthy:
    case Health::kDraining:
    case Health::kDisabled:
      return false;
  }
  return false;
}

std::vector<std::shared_ptr<const Endpoint>> configuredMembers(const ClusterConfig& config) {
  std::vector<std::shared_ptr<const Endpoint>> members;
  members.reserve(config.hosts->hosts.size());
  for (const HostSet::Host& host : config.hosts->hosts) members.push_back(host.endpoint);
  return members;
}

// The same members make the same host set under both.
bool sameRules(const ClusterConfig& a, const ClusterConfig& b) {
  const bool same_balancer =
      a.load_balancer == b.load_balancer ||
      (!a.load_balancer_identity.empty() && a.load_balancer_identity == b.load_balancer_identity);
  return same_balancer && a.policy == b.policy;
}

}  // namespace

ClusterRouting::ClusterRouting(RoutingState& state, std::shared_ptr<const ClusterConfig> config)
    : state_(state),
      metrics_([&] {
        const stats::Labels labels{{"cluster", config->name}};
        stats::Store& store = state.stats_;
        return Metrics{
            store.gauge("cluster_members", "Endpoints of the cluster", labels),
            store.gauge("cluster_healthy_members", "Endpoints that are neither down nor degraded",
                        labels),
            store.gauge("cluster_eligible_members", "Endpoints that may be picked now", labels),
            store.gauge("cluster_panic",
                        "1 while so few are healthy that health is not looked at, somewhere in the "
                        "cluster",
                        labels),
            store.counter("cluster_membership_changes_total",
                          "Times that endpoints joined, left or changed, after the first ones",
                          labels)};
      }()),
      config_(std::move(config)) {
  setMembers(configuredMembers(*config_));
  hosts_ = config_->hosts;
  dirty_ = false;
  findMembers();
  showMetrics();
}

ClusterRouting::~ClusterRouting() {
  for (const stats::GaugeId id :
       {metrics_.members, metrics_.healthy, metrics_.eligible, metrics_.panic}) {
    setGauge(id, 0);
    state_.stats_.hide(id);
  }
}

void ClusterRouting::follow(std::shared_ptr<const ClusterConfig> config) {
  const std::shared_ptr<const ClusterConfig> before = std::exchange(config_, std::move(config));
  if (!sameRules(*before, *config_)) dirty_ = true;
  if (config_->membership == nullptr) {
    source_.reset();
    source_factory_.reset();
    if (!std::exchange(reason_, {}).empty()) dirty_ = true;
    setMembers(configuredMembers(*config_));
  } else {
    findMembers();
  }
}

void ClusterRouting::findMembers() {
  if (config_->membership == nullptr) return;
  if (source_ != nullptr && source_factory_->identity() == config_->membership->identity()) return;
  source_.reset();  // which may no longer say anything
  source_factory_ = config_->membership;
  source_ = source_factory_->create(state_.services_, *this);
}

void ClusterRouting::onMembers(std::vector<std::shared_ptr<const Endpoint>> members) {
  setMembers(std::move(members));
  if (dirty_) state_.changed();
}

void ClusterRouting::onReason(std::string_view reason) {
  if (reason == reason_) return;
  reason_ = reason;
  if (!members_.empty()) return;
  dirty_ = true;
  state_.changed();
}

void ClusterRouting::setMembers(std::vector<std::shared_ptr<const Endpoint>> members) {
  std::vector<Member> next;
  base::StringMap<uint32_t> next_index;
  next.reserve(members.size());
  next_index.reserve(members.size());
  bool same = members.size() == members_.size();
  for (std::shared_ptr<const Endpoint>& endpoint : members) {
    const auto place = static_cast<uint32_t>(next.size());
    if (!next_index.emplace(endpoint->id, place).second) continue;
    const auto known = index_.find(endpoint->id);
    if (known == index_.end()) {
      same = false;
      next.push_back(joined(std::move(endpoint)));
      continue;
    }
    const Member& before = members_[known->second];
    const bool equal = *before.endpoint == *endpoint;
    same = same && equal && known->second == place;
    const bool logical = before.endpoint->logical && endpoint->logical;
    if (logical || before.endpoint->address == endpoint->address) {
      next.push_back(before);
      if (!equal) next.back().endpoint = std::move(endpoint);
    } else {
      next.push_back(joined(std::move(endpoint)));  // somebody else under the same name
    }
  }
  if (same) return;
  if (settled_) state_.stats_.block(0).counter(metrics_.changes).add();
  members_ = std::move(next);
  index_ = std::move(next_index);
  settled_ = settled_ || !members_.empty();
  dirty_ = true;
}

ClusterRouting::Member ClusterRouting::joined(std::shared_ptr<const Endpoint> endpoint) const {
  Member member{.endpoint = std::move(endpoint)};
  if (settled_) member.serving_since = state_.dispatcher_.now();
  return member;
}

RoutingState::Outcome ClusterRouting::setHealth(std::string_view endpoint, Health health,
                                                uint64_t revision) {
  const auto found = index_.find(endpoint);
  if (found == index_.end()) return RoutingState::Outcome::kUnknown;
  Member& member = members_[found->second];
  if (revision <= member.revision) return RoutingState::Outcome::kStale;
  member.revision = revision;
  if (health == member.health) return RoutingState::Outcome::kTaken;
  if (serves(health) && !serves(member.health)) member.serving_since = state_.dispatcher_.now();
  member.health = health;
  dirty_ = true;
  state_.changed();
  return RoutingState::Outcome::kTaken;
}

bool ClusterRouting::refresh() {
  if (!std::exchange(dirty_, false)) return false;
  std::vector<HostSet::Host> hosts;
  hosts.reserve(members_.size());
  for (const Member& member : members_) {
    hosts.push_back({.endpoint = member.endpoint,
                     .health = member.health,
                     .serving_since = member.serving_since});
  }
  std::shared_ptr<HostSet> made =
      upstream::eligible(state_.nextVersion(), std::move(hosts), config_->policy);
  if (!reason_.empty() && members_.empty()) made->none_reason = reason_;
  config_->load_balancer->prepare(*made, config_->policy);
  hosts_ = std::move(made);
  showMetrics();
  return true;
}

void ClusterRouting::showMetrics() {
  const auto healthy = std::count_if(members_.begin(), members_.end(), [](const Member& member) {
    return serves(member.health) && member.health != Health::kDegraded;
  });
  const bool panic = std::any_of(hosts_->groups.begin(), hosts_->groups.end(),
                                 [](const upstream::HostGroup& group) { return group.panic; });
  setGauge(metrics_.members, members_.size());
  setGauge(metrics_.healthy, static_cast<uint64_t>(healthy));
  setGauge(metrics_.eligible, hosts_->eligible.size());
  setGauge(metrics_.panic, panic ? 1 : 0);
}

void ClusterRouting::setGauge(stats::GaugeId id, uint64_t value) {
  stats::Cell& cell = state_.stats_.block(0).gauge(id);
  cell.add(value - cell.value());
}

}  // namespace weir::control
