#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "extensions/load_balancing/subset/subset_table.h"
#include "source/stats/stats.h"
#include "source/upstream/load_balancer.h"

namespace weir::extensions::load_balancing::subset {

// Metric ids; registered on the main thread. Labels {cluster=name}.
struct SubsetStats {
  static SubsetStats create(stats::Store& store, std::string_view cluster);
  stats::CounterId selected, fallback, left_out;
};

// Immutable.
class SubsetFactory final : public upstream::LoadBalancerFactory {
 public:
  // `stats` empty: nothing is counted.
  SubsetFactory(SubsetConfig config, std::shared_ptr<const upstream::LoadBalancerFactory> nested,
                std::optional<SubsetStats> stats = std::nullopt)
      : config_(std::move(config)), nested_(std::move(nested)), stats_(stats) {}

  std::string_view name() const override { return "subset"; }
  bool usesHash() const override { return nested_->usesHash(); }
  bool usesMetadata() const override { return true; }
  std::string_view overrideHeader() const override { return nested_->overrideHeader(); }
  // Each subset has its own priorities, and its own panic.
  bool picksBeyondGroups(upstream::Health health) const override {
    return (health != upstream::Health::kDraining && health != upstream::Health::kDisabled) ||
           nested_->picksBeyondGroups(health);
  }
  void prepare(upstream::HostSet& hosts, const upstream::EligibilityPolicy& policy) const override;
  std::unique_ptr<upstream::LoadBalancer> create(
      const upstream::BalancerContext& context) const override;

  const SubsetConfig& config() const { return config_; }
  const upstream::LoadBalancerFactory& nested() const { return *nested_; }
  const std::optional<SubsetStats>& stats() const { return stats_; }

 private:
  const SubsetConfig config_;
  const std::shared_ptr<const upstream::LoadBalancerFactory> nested_;
  const std::optional<SubsetStats> stats_;
};

// Another algorithm for each part of the endpoints; picks go to the part that a request asks for,
// or to a fallback when it asks for none, or that one is not there or has no endpoint to give. What
// the algorithms learn of an endpoint, they learn in every part that it is in. Worker-confined.
class SubsetBalancer final : public upstream::LoadBalancer {
 public:
  SubsetBalancer(const SubsetFactory& factory, const upstream::BalancerContext& context);

  void onHostSet(const upstream::HostSet& hosts, const upstream::HostLoads& loads) override;
  upstream::Pick pick(const upstream::PickContext& context) override;
  void forecast(const upstream::PickContext& context, upstream::PickForecast& out) const override;
  void onResponse(uint32_t host, std::chrono::microseconds took, bool success,
                  event::MonotonicTime now) override;

 private:
  // One part's view of the whole, and its algorithm.
  struct Part final : upstream::HostLoads {
    uint32_t inFlight(uint32_t host) const override { return loads->inFlight(subset->whole[host]); }
    bool full(uint32_t host) const override { return loads->full(subset->whole[host]); }

    const Subset* subset = nullptr;
    const upstream::HostLoads* loads = nullptr;
    std::unique_ptr<upstream::LoadBalancer> balancer;
  };

  upstream::Pick pickIn(uint32_t at, const upstream::PickContext& context);
  upstream::Pick fallBack(Fallback fallback, const upstream::PickContext& context);
  bool mayGive(uint32_t at) const { return !parts_[at]->subset->hosts->groups.empty(); }
  void forecastIn(uint32_t at, std::string rule, const upstream::PickContext& context,
                  upstream::PickForecast& out) const;

  const SubsetFactory& factory_;
  const upstream::BalancerContext context_;
  stats::Cell uncounted_;
  stats::Cell* selected_ = &uncounted_;
  stats::Cell* fell_back_ = &uncounted_;
  stats::Cell* left_out_ = &uncounted_;
  const SubsetTable* table_ = nullptr;
  std::vector<std::unique_ptr<Part>> parts_;  // as SubsetTable::subsets()
};

}  // namespace weir::extensions::load_balancing::subset
