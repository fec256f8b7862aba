#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "source/upstream/eligibility.h"
#include "source/upstream/load_balancer.h"

namespace weir::extensions::load_balancing::subset {

// Where requests go that get no part of the endpoints.
enum class Fallback : uint8_t { kAny, kDefault, kFail };

// What the configuration says. Immutable.
struct SubsetConfig {
  struct Selector {
    std::vector<std::string> keys = {};  // sorted, at least one
    Fallback fallback = Fallback::kAny;
  };
  std::vector<Selector> selectors = {};
  Fallback fallback = Fallback::kAny;
  upstream::MetadataMatch default_subset = {};           // with kDefault
  size_t max_subsets = 100;                              // besides the two that are fallbacks
  std::optional<uint32_t> panic_percent = std::nullopt;  // of each part; else the cluster's

  // Null when requests that ask for these keys are of none.
  const Selector* selectorOf(const upstream::MetadataMatch& match) const;
};

// Some of the endpoints, as a host set of their own. Value.
struct Subset {
  std::shared_ptr<const upstream::HostSet> hosts;
  std::vector<uint32_t> whole;  // of each, the index in the whole host set; ascending
};

// The parts of a host set by what their metadata has in common: what a SubsetBalancer adopts.
// Immutable.
class SubsetTable final : public upstream::BalancerTable {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  SubsetTable(const upstream::HostSet& hosts, const SubsetConfig& config,
              const upstream::EligibilityPolicy& policy,
              const upstream::LoadBalancerFactory& nested);

  const std::vector<Subset>& subsets() const { return subsets_; }
  // Index into subsets(): the endpoints that have all of these; kNone: not made. {}: all.
  uint32_t find(const upstream::MetadataMatch& match) const {
    const auto found = by_match_.find(match);
    return found == by_match_.end() ? kNone : found->second;
  }
  // Calls visit(match, index) for each of subsets().
  template <class F>
  void forEachMatch(F&& visit) const {
    for (const auto& [match, at] : by_match_) visit(match, at);
  }
  uint32_t any() const { return any_; }  // kNone: never asked for
  uint32_t defaults() const { return defaults_; }
  // There would have been more of them.
  bool leftSomeOut() const { return left_out_; }

  // Where an endpoint is a part.
  struct Place {
    uint32_t subset;
    uint32_t host;  // in it
  };
  std::span<const Place> placesOf(uint32_t host) const {
    return {places_.data() + first_place_[host], first_place_[host + 1] - first_place_[host]};
  }

 private:
  uint32_t add(const upstream::MetadataMatch& match);
  void divide(const upstream::HostSet& hosts, const SubsetConfig& config);
  void makeHostSets(const upstream::HostSet& hosts, const upstream::EligibilityPolicy& policy,
                    const upstream::LoadBalancerFactory& nested);
  void indexPlaces(size_t hosts);

  std::vector<Subset> subsets_;
  absl::flat_hash_map<upstream::MetadataMatch, uint32_t> by_match_;
  uint32_t any_ = kNone;
  uint32_t defaults_ = kNone;
  bool left_out_ = false;
  std::vector<uint32_t> first_place_;  // by host, and the end
  std::vector<Place> places_;
};

}  // namespace weir::extensions::load_balancing::subset
