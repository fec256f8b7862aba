// How picks are shared out, from the whole down to one endpoint:
//
// 1. What a priority can take is the weight of its healthy endpoints in
// relation to that of all,
//    times the overprovisioning factor, at most 1; what its degraded ones can
//    take is found in the same way. The healthy ones of all priorities are
//    filled in order, then the degraded ones. When all together can take less
//    than the whole, each gets its part of what they can take.
// 2. While they can take less than the whole, a priority with few healthy
// endpoints panics: all
//    that may be used at all are used alike. When none is left in any priority,
//    all priorities panic, and each gets its part by weight.
// 3. Within a priority, localities get their parts by
// EligibilityPolicy::locality_mode.
// 4. Within a locality the algorithm chooses, by weight.

#include "source/upstream/eligibility.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"

#include "source/base/hash.h"
#include "source/upstream/load_balancer.h"

namespace weir::upstream {

namespace {

// What health and configuration say of one endpoint alone.
enum class Standing : uint8_t {
  kWeightless,  // never has a part
  kTakenOut,    // by the operator: its part is for others to take
  kDown,
  kDegraded,
  kHealthy
};

// The endpoints of one priority and locality, as sums of weights.
struct Zone {
  std::string_view locality;
  uint64_t capacity = 0;  // of all
  uint64_t usable = 0;    // less those taken out: what panic uses
  uint64_t degraded = 0;
  uint64_t healthy = 0;
  // Indices of the groups; in panic there is but the first.
  uint32_t healthy_group = HostSet::kNoGroup;
  uint32_t degraded_group = HostSet::kNoGroup;
};
using Part = uint64_t Zone::*;

struct Level {
  uint32_t priority = 0;
  std::vector<Zone*> zones = {};  // by name
  Zone sum = {};                  // of all zones
  bool panic = false;
  double healthy_load = 0;
  double degraded_load = 0;
};

// Computes one host set.
class Sharing {
 public:
  Sharing(const std::vector<HostSet::Host>& hosts, const EligibilityPolicy& policy);
  // Fills in what HostSet has besides its hosts.
  void finish(HostSet& set);

 private:
  Standing standingOf(const HostSet::Host& host) const;
  uint32_t localityWeight(std::string_view locality) const;
  void gather(const std::vector<HostSet::Host>& hosts);
  double available(const Level& level, Part part) const;
  void shareAmongLevels();
  void panicEverywhere();
  void addGroups(HostSet& set, const Level& level, double load, Part part);
  std::vector<double> zoneShares(const Level& level, Part part) const;
  std::vector<double> weightedShares(const Level& level, Part part) const;
  std::vector<double> ownFirstShares(const Level& level, Part part) const;
  bool isOwn(const Zone& zone) const {
    return zone.locality == policy_.own_locality && zone.capacity > 0;
  }
  uint64_t keyOf(uint32_t priority, bool degraded, std::string_view locality) const;
  void roundShares(HostSet& set) const;

  const EligibilityPolicy& policy_;
  const LocalityMode mode_;
  const double overprovisioning_;
  std::map<std::pair<uint32_t, std::string_view>, Zone> zones_;
  std::vector<Standing> standing_;  // by host
  std::vector<Zone*> zone_of_;      // by host
  std::vector<Level> levels_;       // in order
  std::vector<double> loads_;       // by group, before rounding
};

Sharing::Sharing(const std::vector<HostSet::Host>& hosts, const EligibilityPolicy& policy)
    : policy_(policy),
      mode_(policy.locality_mode == LocalityMode::kPreferOwn &&
                    hosts.size() < policy.prefer_own_from
                ? LocalityMode::kNone
                : policy.locality_mode),
      overprovisioning_(policy.overprovisioning_percent / 100.0) {
  gather(hosts);
  shareAmongLevels();
}

Standing Sharing::standingOf(const HostSet::Host& host) const {
  if (host.endpoint->weight == 0) return Standing::kWeightless;
  switch (host.health) {
    case Health::kUnknown:
      return policy_.unknown_waits ? Standing::kTakenOut : Standing::kHealthy;
    case Health::kHealthy:
      return Standing::kHealthy;
    case Health::kDegraded:
      return Standing::kDegraded;
    case Health::kUnhealthy:
      return Standing::kDown;
    case Health::kDraining:
    case Health::kDisabled:
      return Standing::kTakenOut;
  }
  return Standing::kDown;
}

uint32_t Sharing::localityWeight(std::string_view locality) const {
  const auto found = policy_.locality_weights.find(locality);
  return found == policy_.locality_weights.end() ? 1 : found->second;
}

void Sharing::gather(const std::vector<HostSet::Host>& hosts) {
  standing_.reserve(hosts.size());
  zone_of_.reserve(hosts.size());
  std::pair<uint32_t, std::string_view> last;
  Zone* zone = nullptr;
  for (const HostSet::Host& host : hosts) {
    const std::string_view locality =
        mode_ == LocalityMode::kNone ? std::string_view() : host.endpoint->locality;
    const std::pair key(host.endpoint->priority, locality);
    if (zone == nullptr || key != last) {
      zone = &zones_.try_emplace(key, Zone{.locality = locality}).first->second;
      last = key;
    }
    const bool shut = mode_ == LocalityMode::kWeighted && localityWeight(locality) == 0;
    const Standing standing = shut ? Standing::kWeightless : standingOf(host);
    const uint32_t weight = host.endpoint->weight;
    standing_.push_back(standing);
    zone_of_.push_back(zone);
    if (standing >= Standing::kTakenOut) zone->capacity += weight;
    if (standing >= Standing::kDown) zone->usable += weight;
    if (standing == Standing::kDegraded) zone->degraded += weight;
    if (standing == Standing::kHealthy) zone->healthy += weight;
  }
  for (auto& [key, found] : zones_) {
    if (levels_.empty() || levels_.back().priority != key.first) {
      levels_.push_back({.priority = key.first});
    }
    Level& level = levels_.back();
    level.zones.push_back(&found);
    level.sum.capacity += found.capacity;
    level.sum.usable += found.usable;
    level.sum.degraded += found.degraded;
    level.sum.healthy += found.healthy;
  }
}

double Sharing::available(const Level& level, Part part) const {
  if (level.sum.*part == 0) return 0;
  return std::min(1.0, overprovisioning_ * static_cast<double>(level.sum.*part) /
                           static_cast<double>(level.sum.capacity));
}

void Sharing::shareAmongLevels() {
  double total = 0;
  for (const Level& level : levels_) {
    total += available(level, &Zone::healthy) + available(level, &Zone::degraded);
  }
  if (total == 0) return panicEverywhere();
  const double whole = std::min(1.0, total);
  constexpr double kAlmostWhole = 1 - 1e-9;  // what adding up may leave of it
  double left = 1;
  for (Level& level : levels_) {
    level.healthy_load = std::min(left, available(level, &Zone::healthy) / whole);
    left -= level.healthy_load;
  }
  for (Level& level : levels_) {
    level.degraded_load = std::min(left, available(level, &Zone::degraded) / whole);
    left -= level.degraded_load;
    const uint64_t serving = level.sum.healthy + level.sum.degraded;
    level.panic = total < kAlmostWhole && serving * 100 < level.sum.usable * policy_.panic_percent;
  }
}

void Sharing::panicEverywhere() {
  if (policy_.panic_percent == 0) return;
  double usable = 0;
  for (const Level& level : levels_) usable += static_cast<double>(level.sum.usable);
  for (Level& level : levels_) {
    level.panic = level.sum.usable > 0;
    if (level.panic) level.healthy_load = static_cast<double>(level.sum.usable) / usable;
  }
}

std::vector<double> Sharing::zoneShares(const Level& level, Part part) const {
  std::vector<double> shares;
  switch (mode_) {
    case LocalityMode::kNone:
      return {1};
    case LocalityMode::kWeighted:
      shares = weightedShares(level, part);
      break;
    case LocalityMode::kPreferOwn:
      shares = ownFirstShares(level, part);
      break;
  }
  double sum = 0;
  for (const double share : shares) sum += share;
  for (double& share : shares) share /= sum;
  return shares;
}

std::vector<double> Sharing::weightedShares(const Level& level, Part part) const {
  std::vector<double> shares;
  for (const Zone* zone : level.zones) {
    const double fit = zone->*part == 0 ? 0
                                        : overprovisioning_ * static_cast<double>(zone->*part) /
                                              static_cast<double>(zone->capacity);
    shares.push_back(localityWeight(zone->locality) * std::min(1.0, fit));
  }
  return shares;
}

// Nodes are taken to be spread evenly over the localities, so that each has 1/n
// of the traffic. A locality that can take less than that gives away the rest,
// to those that can take more.
std::vector<double> Sharing::ownFirstShares(const Level& level, Part part) const {
  const double all = static_cast<double>(level.sum.*part);
  const auto localities = std::count_if(level.zones.begin(), level.zones.end(),
                                        [](const Zone* zone) { return zone->capacity > 0; });
  const double fair = 1.0 / static_cast<double>(localities);
  std::vector<double> shares;
  double kept = -1;
  double spare = 0;
  for (const Zone* zone : level.zones) {
    const double fit = static_cast<double>(zone->*part) / all;
    const bool own = isOwn(*zone);
    if (own) kept = std::min(1.0, fit / fair);
    shares.push_back(own ? 0 : std::max(0.0, fit - fair));
    spare += shares.back();
  }
  for (size_t i = 0; i < shares.size(); ++i) {
    const Zone& zone = *level.zones[i];
    if (kept < 0) {
      shares[i] = static_cast<double>(zone.*part);  // none here: by what they can take
    } else if (isOwn(zone)) {
      shares[i] = kept;
    } else {
      shares[i] = spare > 0 ? (1 - kept) * shares[i] / spare : 0;
    }
  }
  return shares;
}

uint64_t Sharing::keyOf(uint32_t priority, bool degraded, std::string_view locality) const {
  const uint64_t key = base::mix64(uint64_t{priority} << 1 | (degraded ? 1 : 0));
  return mode_ == LocalityMode::kNone ? key : base::hash64(locality, ~key);
}

void Sharing::addGroups(HostSet& set, const Level& level, double load, Part part) {
  constexpr double kLeast = 1e-12;  // what calculating leaves of nothing
  if (load < kLeast) return;
  const std::vector<double> shares = zoneShares(level, part);
  const bool degraded = part == &Zone::degraded;
  for (size_t i = 0; i < shares.size(); ++i) {
    if (load * shares[i] < kLeast) continue;
    Zone& zone = *level.zones[i];
    (degraded ? zone.degraded_group : zone.healthy_group) = static_cast<uint32_t>(loads_.size());
    loads_.push_back(load * shares[i]);
    HostGroup group;
    group.key = keyOf(level.priority, degraded, zone.locality);
    group.panic = level.panic;
    set.groups.push_back(std::move(group));
  }
}

// Each group has one of kWhole, the rest is shared out. What is left by
// rounding goes to the first.
void Sharing::roundShares(HostSet& set) const {
  uint32_t left = HostSet::kWhole;
  const double rest = HostSet::kWhole - static_cast<double>(loads_.size());
  double sum = 0;
  for (const double load : loads_) sum += load;
  for (size_t i = 0; i < loads_.size(); ++i) {
    set.groups[i].share = 1 + static_cast<uint32_t>(rest * loads_[i] / sum);
    left -= set.groups[i].share;
  }
  for (size_t i = 0; left > 0; i = (i + 1) % loads_.size(), --left) ++set.groups[i].share;
}

void Sharing::finish(HostSet& set) {
  for (const Level& level : levels_) {
    if (level.panic) {
      addGroups(set, level, level.healthy_load + level.degraded_load, &Zone::usable);
    } else {
      addGroups(set, level, level.healthy_load, &Zone::healthy);
      addGroups(set, level, level.degraded_load, &Zone::degraded);
    }
  }
  constexpr size_t kMostGroups = HostSet::kWhole / 2;
  if (set.groups.size() > kMostGroups) {
    set.groups.resize(kMostGroups);
    loads_.resize(kMostGroups);
  }
  if (!loads_.empty()) roundShares(set);
  set.group_of.assign(zone_of_.size(), HostSet::kNoGroup);
  for (uint32_t i = 0; i < zone_of_.size(); ++i) {
    const Zone& zone = *zone_of_[i];
    if (standing_[i] < Standing::kDown) continue;
    uint32_t group = zone.healthy_group;
    const bool panic = group < set.groups.size() && set.groups[group].panic;
    if (!panic && standing_[i] == Standing::kDown) continue;
    if (!panic && standing_[i] == Standing::kDegraded) group = zone.degraded_group;
    if (group >= set.groups.size()) continue;
    set.groups[group].hosts.push_back(i);
    set.group_of[i] = group;
    set.eligible.push_back(i);
  }
}

void setUids(std::vector<HostSet::Host>& hosts) {
  absl::flat_hash_set<uint64_t> used;
  used.reserve(hosts.size() + 1);
  used.insert(0);
  for (HostSet::Host& host : hosts) {
    const Endpoint& endpoint = *host.endpoint;
    host.uid = base::hash64(endpoint.id);
    if (!endpoint.logical) {
      host.uid ^= base::mix64(base::hash64(endpoint.address.toString()));
    }
    while (!used.insert(host.uid).second) ++host.uid;
  }
}

}  // namespace

std::shared_ptr<HostSet> eligible(uint64_t version, std::vector<HostSet::Host> hosts,
                                  const EligibilityPolicy& policy) {
  auto set = std::make_shared<HostSet>();
  set->version = version;
  setUids(hosts);
  Sharing(hosts, policy).finish(*set);
  set->hosts = std::move(hosts);
  return set;
}

bool sameChoice(const HostSet& a, const HostSet& b) {
  const auto same_host = [](const HostSet::Host& x, const HostSet::Host& y) {
    return x.endpoint == y.endpoint && x.health == y.health && x.uid == y.uid &&
           x.serving_since == y.serving_since && x.out_since == y.out_since;
  };
  const auto same_group = [](const HostGroup& x, const HostGroup& y) {
    return x.key == y.key && x.share == y.share && x.hosts == y.hosts && x.panic == y.panic;
  };
  return a.eligible == b.eligible && a.group_of == b.group_of &&
         std::equal(a.hosts.begin(), a.hosts.end(), b.hosts.begin(), b.hosts.end(), same_host) &&
         std::equal(a.groups.begin(), a.groups.end(), b.groups.begin(), b.groups.end(), same_group);
}

std::shared_ptr<const HostSet> makeHostSet(uint64_t version, std::vector<HostSet::Host> hosts,
                                           const EligibilityPolicy& policy,
                                           const LoadBalancerFactory& balancer) {
  std::shared_ptr<HostSet> set = eligible(version, std::move(hosts), policy);
  balancer.prepare(*set, policy);
  return set;
}

}  // namespace weir::upstream
