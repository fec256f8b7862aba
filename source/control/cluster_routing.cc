#include "source/control/cluster_routing.h"

#include <algorithm>
#include <utility>

#include "source/base/suggest.h"
#include "source/control/health_checks.h"
#include "source/control/outliers.h"
#include "source/upstream/eligibility.h"
#include "source/upstream/endpoint_health.h"

namespace weir::control {
namespace {

using upstream::ClusterConfig;
using upstream::Endpoint;
using upstream::Health;
using upstream::HostSet;

upstream::OperatorState stateOf(Health health) {
  switch (health) {
    case Health::kDraining:
      return upstream::OperatorState::kDraining;
    case Health::kDisabled:
      return upstream::OperatorState::kDisabled;
    default:
      return upstream::OperatorState::kEnabled;
  }
}

Health healthOf(upstream::OperatorState state) {
  switch (state) {
    case upstream::OperatorState::kEnabled:
      return Health::kHealthy;
    case upstream::OperatorState::kDraining:
      return Health::kDraining;
    case upstream::OperatorState::kDisabled:
      return Health::kDisabled;
  }
  return Health::kHealthy;
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
  const bool same_stickiness =
      a.stickiness == b.stickiness ||
      (!a.stickiness_identity.empty() && a.stickiness_identity == b.stickiness_identity);
  return same_balancer && same_stickiness && a.policy == b.policy && a.drain == b.drain;
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
  makeObservers();
  setMembers(configuredMembers(*config_));
  hosts_ = config_->hosts;
  dirty_ = std::any_of(members_.begin(), members_.end(),
                       [](const Member& member) { return !upstream::serves(member.health); });
  findMembers();
  showMetrics();
}

// Those that the configuration wants and that are not there yet.
void ClusterRouting::makeObservers() {
  if (!config_->health_checks.empty() && !std::exchange(checks_health_, true)) {
    observers_.push_back(std::make_unique<HealthChecks>(*this));
  }
  if (config_->outliers && !std::exchange(watches_outliers_, true)) {
    observers_.push_back(std::make_unique<OutlierDetector>(*this, config_->name));
  }
}

ClusterRouting::~ClusterRouting() {
  observers_.clear();
  state_.drains_.removeCluster(*config_, *hosts_, state_.publication());
  for (const stats::GaugeId id :
       {metrics_.members, metrics_.healthy, metrics_.eligible, metrics_.panic}) {
    setGauge(id, 0);
    state_.stats_.hide(id);
  }
}

void ClusterRouting::follow(std::shared_ptr<const ClusterConfig> config) {
  const std::shared_ptr<const ClusterConfig> before = std::exchange(config_, std::move(config));
  makeObservers();
  if (!sameRules(*before, *config_)) dirty_ = true;
  // Endpoints that serve go on serving until the first check of theirs says otherwise.
  if (config_->health_checks.empty() && !before->health_checks.empty()) {
    for (Member& member : members_) member.checked = Health::kHealthy;
  }
  if (config_->membership == nullptr) {
    source_.reset();
    source_factory_.reset();
    if (!std::exchange(reason_, {}).empty()) dirty_ = true;
    setMembers(configuredMembers(*config_));
  } else {
    findMembers();
  }
  for (Member& member : members_) {
    update(member, {.cause = "another configuration", .observer = "configuration"});
  }
  tellObservers();
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
  // Whose state the configuration may have changed, and what it said before.
  std::vector<std::pair<uint32_t, upstream::OperatorState>> restated;
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
      if (equal) continue;
      next.back().endpoint = std::move(endpoint);
      restated.emplace_back(place, before.endpoint->state);
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
  // Observers may have something to say in turn: of members that are in their place.
  for (const auto& [i, state_before] : restated) followState(members_[i], state_before);
  tellObservers();
}

ClusterRouting::Member ClusterRouting::joined(std::shared_ptr<const Endpoint> endpoint) const {
  Member member;
  member.state = endpoint->state;
  member.checked = upstream::uncheckedHealth(*config_);
  member.health = upstream::combinedHealth(member.state, member.checked, false);
  member.endpoint = std::move(endpoint);
  setOut(member);
  if (settled_) member.serving_since = state_.dispatcher_.now();
  return member;
}

// --- Health ---

void ClusterRouting::tellObservers() {
  const std::vector<ObservedMember> members = observed();
  for (const auto& observer : observers_) observer->follow(config_, members);
}

std::vector<ObservedMember> ClusterRouting::observed() const {
  return {members_.begin(), members_.end()};
}

void ClusterRouting::onTrouble(std::string_view endpoint, upstream::Trouble trouble) {
  // From now on it is told again.
  if (const auto usage = config_->usage->findEndpoint(endpoint)) {
    usage->troubles.fetch_and(~static_cast<uint32_t>(trouble), std::memory_order_relaxed);
  }
  for (const auto& observer : observers_) observer->onTrouble(endpoint, trouble);
}

Taken ClusterRouting::observe(std::string_view endpoint, Observation observation) {
  const auto found = index_.find(endpoint);
  if (found == index_.end()) return Taken::kUnknown;
  Member& member = members_[found->second];
  uint64_t& taken = member.taken[static_cast<size_t>(observation.source)];
  if (observation.revision <= taken) return Taken::kStale;
  taken = observation.revision;
  const Health checked = member.checked;
  switch (observation.source) {
    case Observation::Source::kCheck:
      member.checked = observation.health;
      break;
    case Observation::Source::kOutlier:
      member.ejected = observation.health == Health::kUnhealthy;
      break;
    case Observation::Source::kOperator:
      member.operated = true;
      member.state = stateOf(observation.health);
      break;
  }
  update(member, observation);
  if (member.checked != checked) {
    const ObservedMember now = member;
    for (const auto& observer : observers_) observer->onChecked(now, checked);
  }
  if (dirty_) state_.changed();
  return Taken::kTaken;
}

// Who spoke last counts: the operator, or a configuration that says something else than the one
// before.
void ClusterRouting::followState(Member& member, upstream::OperatorState before) {
  if (member.operated && member.endpoint->state == before) return;
  member.operated = false;
  if (member.state == member.endpoint->state) return;
  member.state = member.endpoint->state;
  update(member, {.cause = "another configuration", .observer = "configuration"});
}

void ClusterRouting::update(Member& member, const Observation& why) {
  const Health health = upstream::combinedHealth(member.state, member.checked, member.ejected);
  if (health == member.health) return;
  const Health before = std::exchange(member.health, health);
  ++member.revision;
  setOut(member);
  if (upstream::serves(health) && !upstream::serves(before))
    member.serving_since = state_.dispatcher_.now();
  dirty_ = true;
  state_.events_.add({.kind = HealthEvent::Kind::kHealth,
                      .cluster = config_->name,
                      .endpoint = member.endpoint->id,
                      .address = member.endpoint->address.toString(),
                      .from = before,
                      .to = health,
                      .revision = member.revision,
                      .source = why.observer,
                      .cause = why.cause});
  const ObservedMember now = member;
  for (const auto& observer : observers_) observer->onHealth(now, before);
}

// The time of each kind of being out begins anew.
void ClusterRouting::setOut(Member& member) const {
  member.out_since =
      upstream::serves(member.health) ? event::MonotonicTime() : state_.dispatcher_.now();
}

Operated ClusterRouting::operate(std::string_view endpoint, upstream::OperatorState state,
                                 std::optional<uint64_t> revision, std::string_view cause) {
  const auto found = index_.find(endpoint);
  if (found == index_.end()) {
    std::vector<std::string> ids;
    for (const Member& member : members_) ids.push_back(member.endpoint->id);
    return {Operated::Outcome::kNoEndpoint, {}, base::didYouMean(endpoint, ids)};
  }
  Member& member = members_[found->second];
  if (revision && *revision != member.revision) return {Operated::Outcome::kStale, member, {}};
  observe(endpoint,
          {.source = Observation::Source::kOperator,
           .health = healthOf(state),
           .revision = member.taken[static_cast<size_t>(Observation::Source::kOperator)] + 1,
           .cause = std::string(cause),
           .observer = "operator"});
  return {Operated::Outcome::kDone, member, {}};
}

std::vector<HostSet::Host> ClusterRouting::currentHosts() const {
  std::vector<HostSet::Host> hosts;
  hosts.reserve(members_.size());
  for (const Member& member : members_) {
    hosts.push_back({.endpoint = member.endpoint,
                     .health = member.health,
                     .serving_since = member.serving_since,
                     .out_since = member.out_since});
  }
  return hosts;
}

bool ClusterRouting::asDefined() const {
  if (dirty_ || hosts_ == config_->hosts) return true;
  for (const Member& member : members_) {
    if (member.health != upstream::combinedHealth(member.state, member.checked, member.ejected)) {
      return false;
    }
  }
  return upstream::sameChoice(
      *hosts_, *upstream::eligible(hosts_->version, currentHosts(), config_->policy));
}

bool ClusterRouting::refresh() {
  if (!std::exchange(dirty_, false)) return false;
  std::shared_ptr<HostSet> made =
      upstream::eligible(state_.nextVersion(), currentHosts(), config_->policy);
  if (!reason_.empty() && members_.empty()) made->none_reason = reason_;
  config_->load_balancer->prepare(*made, config_->policy);
  if (config_->stickiness != nullptr) made->sticky = config_->stickiness->prepare(*made);
  const std::shared_ptr<const HostSet> before = std::exchange(hosts_, std::move(made));
  state_.drains_.follow({.config = *config_,
                         .before = *before,
                         .after = *hosts_,
                         .publication = state_.publication(),
                         .revision = [this](uint32_t i) { return members_[i].revision; }});
  showMetrics();
  return true;
}

void ClusterRouting::showMetrics() {
  const auto healthy = std::count_if(members_.begin(), members_.end(), [](const Member& member) {
    return upstream::serves(member.health) && member.health != Health::kDegraded;
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
