#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "source/base/string_map.h"
#include "source/stats/stats.h"
#include "source/upstream/load_balancer.h"

namespace weir::extensions::load_balancing::override {

// What the configuration says. Immutable.
struct OverrideConfig {
  std::string header = {};  // lower case; empty: only filters name endpoints
  uint32_t allowed = 0;     // a bit for each upstream::Health
  bool strict = false;

  static constexpr uint32_t bit(upstream::Health health) {
    return uint32_t{1} << static_cast<unsigned>(health);
  }
};

// Metric ids; registered on the main thread. Labels {cluster=name}.
struct OverrideStats {
  static OverrideStats create(stats::Store& store, std::string_view cluster);
  stats::CounterId followed, missed;
};

// The endpoints of a host set by id and address, and the host set as the nested algorithm is to see
// it. Immutable.
class OverrideTable final : public upstream::BalancerTable {
 public:
  OverrideTable(const upstream::HostSet& hosts, const upstream::EligibilityPolicy& policy,
                const upstream::LoadBalancerFactory& nested);
  // By id or address; ids come first.
  std::optional<uint32_t> find(std::string_view name) const;
  const upstream::HostSet& nested() const { return *nested_; }

 private:
  base::StringMap<uint32_t> by_name_;
  std::shared_ptr<const upstream::HostSet> nested_;
};

// Immutable.
class OverrideFactory final : public upstream::LoadBalancerFactory {
 public:
  // `stats` empty: nothing is counted.
  OverrideFactory(OverrideConfig config,
                  std::shared_ptr<const upstream::LoadBalancerFactory> nested,
                  std::optional<OverrideStats> stats = std::nullopt)
      : config_(std::move(config)), nested_(std::move(nested)), stats_(stats) {}

  std::string_view name() const override { return "override"; }
  bool usesHash() const override { return nested_->usesHash(); }
  bool usesMetadata() const override { return nested_->usesMetadata(); }
  std::string_view overrideHeader() const override {
    return config_.header.empty() ? nested_->overrideHeader() : std::string_view(config_.header);
  }
  bool picksBeyondGroups(upstream::Health health) const override {
    return (config_.allowed & OverrideConfig::bit(health)) != 0 ||
           nested_->picksBeyondGroups(health);
  }
  void prepare(upstream::HostSet& hosts, const upstream::EligibilityPolicy& policy) const override;
  std::unique_ptr<upstream::LoadBalancer> create(
      const upstream::BalancerContext& context) const override;

  const OverrideConfig& config() const { return config_; }
  const upstream::LoadBalancerFactory& nested() const { return *nested_; }
  const std::optional<OverrideStats>& stats() const { return stats_; }

 private:
  const OverrideConfig config_;
  const std::shared_ptr<const upstream::LoadBalancerFactory> nested_;
  const std::optional<OverrideStats> stats_;
};

// The endpoint that a filter or the request itself names, as far as the configuration lets it; else
// what another algorithm says. Worker-confined.
class OverrideBalancer final : public upstream::LoadBalancer {
 public:
  OverrideBalancer(const OverrideFactory& factory, const upstream::BalancerContext& context);

  void onHostSet(const upstream::HostSet& hosts, const upstream::HostLoads& loads) override;
  upstream::Pick pick(const upstream::PickContext& context) override;
  void forecast(const upstream::PickContext& context, upstream::PickForecast& out) const override;
  void onResponse(uint32_t host, std::chrono::microseconds took, bool success,
                  event::MonotonicTime now) override;

 private:
  // Whom the request wants; nothing when it is all the same to it.
  std::optional<std::string_view> wanted(const upstream::PickContext& context) const;
  upstream::Pick pickNamed(std::string_view name, const upstream::PickContext& context) const;

  const OverrideFactory& factory_;
  stats::Cell uncounted_;
  stats::Cell* followed_ = &uncounted_;
  stats::Cell* missed_ = &uncounted_;
  const upstream::HostSet* hosts_ = nullptr;
  const upstream::HostLoads* loads_ = nullptr;
  const OverrideTable* table_ = nullptr;
  std::unique_ptr<upstream::LoadBalancer> nested_;
};

}  // namespace weir::extensions::load_balancing::override
