#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "extensions/load_balancing/common/load_bound.h"
#include "extensions/load_balancing/maglev/maglev_table.h"
#include "source/upstream/grouped_balancer.h"

namespace weir::extensions::load_balancing::maglev {

struct MaglevOptions {
  uint32_t table_size = 65537;        // prime
  uint32_t bounded_load_percent = 0;  // 0: no bound
};

// The owner of the key's entry in the table; one that was tried, or is at its bound, gives way to
// the entry's second owner, and that one to the owners of entries that further hashes of the key
// give. Worker-confined; without state but for the table, which the workers share.
class Maglev final : public upstream::Algorithm {
 public:
  explicit Maglev(const MaglevOptions& options)
      : options_(options), bound_(options.bounded_load_percent) {}

  void onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
               const upstream::HostLoads& loads) override;
  upstream::Pick pick(const upstream::PickContext& context) override {
    return upstream::Pick::endpoint(ownerOf(context));
  }
  void forecast(const upstream::PickContext& context, upstream::PickForecast& out) const override {
    out.rule = "the owner of the hash in the table, or when it has no room the next one";
    out.host = ownerOf(context);
  }

 private:
  // Further hashes, before endpoints are looked at one after the other.
  static constexpr uint32_t kDraws = 16;
  uint32_t ownerOf(const upstream::PickContext& context) const;
  std::optional<uint32_t> another(uint64_t key, const common::LoadBound::Room& room) const;

  const MaglevOptions options_;
  common::LoadBound bound_;
  const upstream::HostGroup* group_ = nullptr;
  std::shared_ptr<const MaglevTable> table_;
};

// Immutable.
class MaglevFactory final : public upstream::AlgorithmFactory {
 public:
  explicit MaglevFactory(const MaglevOptions& options = {}) : options_(options) {}

  std::string_view name() const override { return "maglev"; }
  bool usesHash() const override { return true; }
  std::optional<uint64_t> ownHash(const upstream::PickContext& context) const override;
  std::shared_ptr<const upstream::BalancerTable> prepareGroup(
      const upstream::HostSet& hosts, const upstream::HostGroup& group) const override;
  std::unique_ptr<upstream::Algorithm> createAlgorithm(
      const upstream::BalancerContext& context) const override;

 private:
  const MaglevOptions options_;
};

}  // namespace weir::extensions::load_balancing::maglev
