#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "extensions/load_balancing/lua/bindings.h"
#include "source/stats/stats.h"
#include "source/upstream/grouped_balancer.h"

namespace weir::extensions::load_balancing::lua {

// The configuration, validated. Immutable.
struct LuaBalancerConfig {
  std::shared_ptr<weir::lua::Script> script;  // its only entry point is choose()
  std::shared_ptr<const upstream::LoadBalancerFactory> fallback_factory;  // owns `fallback`
  const upstream::AlgorithmFactory* fallback = nullptr;
  bool uses_hash = false;
  struct {
    stats::CounterId chosen, fallback;
  } stats;
};

// The endpoint that a script names; when it names none, fails, or names one that was tried before,
// another algorithm's. Worker-confined.
class LuaAlgorithm final : public upstream::Algorithm {
 public:
  LuaAlgorithm(const LuaBalancerConfig& config, std::shared_ptr<BalancerScript> script,
               const upstream::BalancerContext& context);

  void onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
               const upstream::HostLoads& loads) override;
  upstream::Pick pick(const upstream::PickContext& context) override;
  void forecast(const upstream::PickContext& context, upstream::PickForecast& out) const override;
  void onResponse(uint32_t host, std::chrono::microseconds took, bool success,
                  event::MonotonicTime now) override;

 private:
  const std::shared_ptr<BalancerScript> script_;
  const std::unique_ptr<upstream::Algorithm> fallback_;
  stats::Cell& chosen_;
  stats::Cell& fell_back_;
  const upstream::HostLoads* loads_ = nullptr;
  std::vector<uint64_t> uids_;         // as candidates_
  std::vector<Candidate> candidates_;  // by host, ascending
};

// Immutable.
class LuaFactory final : public upstream::AlgorithmFactory {
 public:
  explicit LuaFactory(LuaBalancerConfig config) : config_(std::move(config)) {}
  std::string_view name() const override { return "lua"; }
  bool usesHash() const override { return config_.uses_hash || config_.fallback->usesHash(); }
  // `context` has services: stats::Block and event::Dispatcher.
  std::unique_ptr<upstream::Algorithm> createAlgorithm(
      const upstream::BalancerContext& context) const override;
  std::shared_ptr<const upstream::BalancerTable> prepareGroup(
      const upstream::HostSet& hosts, const upstream::HostGroup& group) const override {
    return config_.fallback->prepareGroup(hosts, group);
  }
  std::optional<uint64_t> ownHash(const upstream::PickContext& context) const override {
    return config_.fallback->ownHash(context);
  }

 private:
  const LuaBalancerConfig config_;
};

}  // namespace weir::extensions::load_balancing::lua
