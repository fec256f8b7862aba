#include "source/control/health_checks.h"

#include <algorithm>
#include <utility>

#include "source/base/concat.h"

namespace weir::control {
namespace {

using upstream::ClusterConfig;
using upstream::Endpoint;
using upstream::Health;

bool sameEndpoint(const Endpoint& a, const Endpoint& b) {
  return (a.logical && b.logical) || a.address == b.address;
}

}  // namespace

HealthChecks::~HealthChecks() = default;

void HealthChecks::follow(const std::shared_ptr<const ClusterConfig>& config,
                          std::span<const ObservedMember> members) {
  ++follows_;
  if (config->health_checks.empty()) {
    members_.clear();
    checks_.clear();
    config_ = config;
    return;
  }
  if (config != config_) followChecks(*config);
  config_ = config;
  for (const ObservedMember& member : members) followMember(member);
  absl::erase_if(members_, [&](const auto& entry) { return entry.second->seen != follows_; });
  settle();
  // A check that has gone may have been the one that an endpoint was down by.
  for (const auto& [id, member] : members_) {
    if (!member->checks.empty()) {
      tell(*member, member->revision, "another configuration", "configuration");
    }
  }
}

// Running checks go on where their configuration has the same identity, with the times and the
// secrets of the new one; endpoints are as healthy as they were until new checks have asked them.
void HealthChecks::followChecks(const ClusterConfig& config) {
  Checks before = std::move(checks_);
  std::vector<size_t> source;  // of checks_: which of `before`; before.size(): none
  for (const auto& wanted : config.health_checks) {
    size_t from = before.size();
    for (size_t i = 0; i < before.size(); ++i) {
      if (before[i] == nullptr || before[i]->config().identity != wanted->identity) continue;
      if (from == before.size() || before[i]->config().name == wanted->name) from = i;
    }
    source.push_back(from);
    if (from < before.size()) {
      checks_.push_back(std::move(before[from]));
      checks_.back()->follow(config, wanted);
    } else {
      checks_.push_back(std::make_unique<ClusterCheck>(
          sink_.services(), static_cast<CheckSink&>(*this), config, wanted));
    }
  }
  for (const auto& [id, member] : members_) {
    if (member->checks.empty()) continue;
    auto checked = std::exchange(member->checks, {});
    for (size_t i = 0; i < checks_.size(); ++i) {
      if (source[i] < checked.size()) {
        checks_[i]->follow(*checked[source[i]], member->endpoint);
        member->checks.push_back(std::move(checked[source[i]]));
      } else {
        member->checks.push_back(checks_[i]->add(member->endpoint, member->told));
      }
    }
  }
  settle();  // before members change
}

void HealthChecks::followMember(const ObservedMember& now) {
  std::unique_ptr<Member>& member = members_[now.endpoint->id];
  if (member != nullptr && !sameEndpoint(*member->endpoint, *now.endpoint)) member.reset();
  if (member == nullptr) {
    member = std::make_unique<Member>();
    member->endpoint = now.endpoint;
    member->told = now.checked;
  } else if (member->endpoint != now.endpoint) {
    const bool equal = *member->endpoint == *now.endpoint;
    member->endpoint = now.endpoint;
    for (size_t i = 0; !equal && i < member->checks.size(); ++i) {
      checks_[i]->follow(*member->checks[i], now.endpoint);
    }
  }
  member->seen = follows_;
  setChecked(*member, now.state != upstream::OperatorState::kDisabled);
}

// What is taken up again is as healthy as it was, until the first result.
void HealthChecks::setChecked(Member& member, bool checked) {
  if (checked == !member.checks.empty()) return;
  if (!checked) return member.checks.clear();
  for (const auto& check : checks_)
    member.checks.push_back(check->add(member.endpoint, member.told));
}

void HealthChecks::settle() {
  for (const auto& check : checks_) check->settle();
}

void HealthChecks::onHealth(const ObservedMember& member, Health /*before*/) {
  const auto found = members_.find(member.endpoint->id);
  if (found == members_.end()) return;
  const bool checked = member.state != upstream::OperatorState::kDisabled;
  if (checked == !found->second->checks.empty()) return;
  setChecked(*found->second, checked);
  settle();
}

void HealthChecks::onTrouble(std::string_view endpoint, upstream::Trouble trouble) {
  if (trouble != upstream::Trouble::kConnectFailure &&
      trouble != upstream::Trouble::kConnectTimeout) {
    return;
  }
  const auto found = members_.find(endpoint);
  if (found == members_.end()) return;
  Member& member = *found->second;
  for (size_t i = 0; i < member.checks.size(); ++i) checks_[i]->onTrouble(*member.checks[i]);
}

Health HealthChecks::combined(const Member& member) {
  Health worst = Health::kHealthy;
  for (const auto& check : member.checks) worst = worseHealth(worst, check->health());
  return worst;
}

void HealthChecks::onVerdict(const ClusterCheck& check, const CheckedEndpoint& endpoint,
                             std::string cause) {
  const auto found = members_.find(endpoint.endpoint().id);
  if (found == members_.end()) return;
  tell(*found->second, endpoint.revision(), std::move(cause),
       base::concat("check ", check.config().name));
}

// Each check asks an endpoint one thing at a time, so what it says is never older than what it said
// before. Of several, the later word may have the lower number: it gets the next one.
void HealthChecks::tell(Member& member, uint64_t revision, std::string cause,
                        std::string observer) {
  const Health health = combined(member);
  if (health == member.told) return;
  member.told = health;
  member.revision = std::max(revision, member.revision + 1);
  sink_.observe(member.endpoint->id, {.source = Observation::Source::kCheck,
                                      .health = health,
                                      .revision = member.revision,
                                      .cause = std::move(cause),
                                      .observer = std::move(observer)});
}

}  // namespace weir::control
