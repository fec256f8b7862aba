#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "extensions/load_balancing/common/load_bound.h"
#include "extensions/load_balancing/ring_hash/ring_table.h"
#include "source/upstream/grouped_balancer.h"

namespace weir::extensions::load_balancing::ring_hash {

// The owner of the key on the ring; one that was tried, or is at its bound, gives way to who owns
// the key without it. Worker-confined; without state but for the ring, which the workers share.
class RingHash final : public upstream::Algorithm {
 public:
  RingHash(const RingOptions& options, uint32_t bounded_load_percent)
      : options_(options), bound_(bounded_load_percent) {}

  void onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
               const upstream::HostLoads& loads) override;
  upstream::Pick pick(const upstream::PickContext& context) override {
    return upstream::Pick::endpoint(ownerOf(context));
  }
  void forecast(const upstream::PickContext& context, upstream::PickForecast& out) const override {
    out.rule = "the owner of the hash on the ring, or when it has no room the next one";
    out.host = ownerOf(context);
  }

 private:
  uint32_t ownerOf(const upstream::PickContext& context) const;

  const RingOptions options_;
  common::LoadBound bound_;
  std::shared_ptr<const RingTable> ring_;
};

// Immutable.
class RingHashFactory final : public upstream::AlgorithmFactory {
 public:
  // `bounded_load_percent` 0: no bound.
  explicit RingHashFactory(const RingOptions& options = {}, uint32_t bounded_load_percent = 0)
      : options_(options), bounded_load_percent_(bounded_load_percent) {}

  std::string_view name() const override { return "ring_hash"; }
  bool usesHash() const override { return true; }
  std::optional<uint64_t> ownHash(const upstream::PickContext& context) const override;
  std::shared_ptr<const upstream::BalancerTable> prepareGroup(
      const upstream::HostSet& hosts, const upstream::HostGroup& group) const override;
  std::unique_ptr<upstream::Algorithm> createAlgorithm(
      const upstream::BalancerContext& context) const override;

 private:
  const RingOptions options_;
  const uint32_t bounded_load_percent_;
};

}  // namespace weir::extensions::load_balancing::ring_hash
