#include "extensions/load_balancing/subset/subset_table.h"

#include <algorithm>
#include <utility>

namespace weir::extensions::load_balancing::subset {

namespace {

using upstream::Endpoint;
using upstream::HostSet;
using upstream::MetadataMatch;

// The endpoint's values of `keys`; nothing when it lacks one.
std::optional<MetadataMatch> valuesOf(const Endpoint& endpoint,
                                      const std::vector<std::string>& keys) {
  MetadataMatch values;
  for (const std::string& key : keys) {
    const auto found = endpoint.metadata.find(key);
    if (found == endpoint.metadata.end()) return std::nullopt;
    values.emplace_back(*found);
  }
  return values;
}

bool has(const Endpoint& endpoint, const MetadataMatch& match) {
  return std::all_of(match.begin(), match.end(), [&](const auto& wanted) {
    const auto found = endpoint.metadata.find(wanted.first);
    return found != endpoint.metadata.end() && found->second == wanted.second;
  });
}

}  // namespace

const SubsetConfig::Selector* SubsetConfig::selectorOf(const MetadataMatch& match) const {
  for (const Selector& selector : selectors) {
    const bool same =
        std::equal(selector.keys.begin(), selector.keys.end(), match.begin(), match.end(),
                   [](const std::string& key, const auto& wanted) { return key == wanted.first; });
    if (same) return &selector;
  }
  return nullptr;
}

SubsetTable::SubsetTable(const HostSet& hosts, const SubsetConfig& config,
                         const upstream::EligibilityPolicy& policy,
                         const upstream::LoadBalancerFactory& nested) {
  divide(hosts, config);
  makeHostSets(hosts, policy, nested);
  indexPlaces(hosts.hosts.size());
}

uint32_t SubsetTable::add(const MetadataMatch& match) {
  const auto [entry, added] = by_match_.try_emplace(match, static_cast<uint32_t>(subsets_.size()));
  if (added) subsets_.emplace_back();
  return entry->second;
}

void SubsetTable::divide(const HostSet& hosts, const SubsetConfig& config) {
  const auto used = [&](Fallback fallback) {
    return config.fallback == fallback ||
           std::any_of(config.selectors.begin(), config.selectors.end(),
                       [&](const auto& selector) { return selector.fallback == fallback; });
  };
  if (used(Fallback::kAny)) any_ = add({});
  if (used(Fallback::kDefault)) defaults_ = add(config.default_subset);
  const size_t most = subsets_.size() + config.max_subsets;
  for (uint32_t i = 0; i < hosts.hosts.size(); ++i) {
    const Endpoint& endpoint = *hosts.hosts[i].endpoint;
    if (any_ != kNone) subsets_[any_].whole.push_back(i);
    if (defaults_ != kNone && has(endpoint, config.default_subset)) {
      subsets_[defaults_].whole.push_back(i);
    }
    for (const SubsetConfig::Selector& selector : config.selectors) {
      const auto values = valuesOf(endpoint, selector.keys);
      if (!values) continue;
      uint32_t at = find(*values);
      if (at == kNone && subsets_.size() >= most) {
        left_out_ = true;
        continue;
      }
      if (at == kNone) at = add(*values);
      if (at != defaults_) subsets_[at].whole.push_back(i);
    }
  }
}

void SubsetTable::makeHostSets(const HostSet& hosts, const upstream::EligibilityPolicy& policy,
                               const upstream::LoadBalancerFactory& nested) {
  for (uint32_t i = 0; i < subsets_.size(); ++i) {
    Subset& subset = subsets_[i];
    std::shared_ptr<HostSet> made;
    if (i == any_) {
      made = std::make_shared<HostSet>(hosts);
    } else {
      std::vector<HostSet::Host> members;
      members.reserve(subset.whole.size());
      for (const uint32_t host : subset.whole) members.push_back(hosts.hosts[host]);
      made = upstream::eligible(hosts.version, std::move(members), policy);
      made->none_reason = "no_eligible_endpoint_in_subset";
    }
    nested.prepare(*made, policy);
    subset.hosts = std::move(made);
  }
}

void SubsetTable::indexPlaces(size_t hosts) {
  first_place_.assign(hosts + 1, 0);
  for (const Subset& subset : subsets_) {
    for (const uint32_t host : subset.whole) ++first_place_[host + 1];
  }
  for (size_t i = 0; i < hosts; ++i) first_place_[i + 1] += first_place_[i];
  places_.resize(first_place_.back());
  std::vector<uint32_t> next(first_place_.begin(), first_place_.end());
  for (uint32_t at = 0; at < subsets_.size(); ++at) {
    for (uint32_t i = 0; i < subsets_[at].whole.size(); ++i) {
      places_[next[subsets_[at].whole[i]]++] = {at, i};
    }
  }
}

}  // namespace weir::extensions::load_balancing::subset
