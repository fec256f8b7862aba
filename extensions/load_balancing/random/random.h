#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "extensions/load_balancing/common/alias_table.h"
#include "source/base/random.h"
#include "source/upstream/grouped_balancer.h"

namespace weir::extensions::load_balancing::random {

// Any endpoint, with a chance in proportion to its weight. Needs nothing to be the same on all
// workers, and no state. Worker-confined.
class RandomChoice final : public upstream::Algorithm {
 public:
  explicit RandomChoice(base::Random& random) : random_(random) {}

  void onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
               const upstream::HostLoads& loads) override;
  upstream::Pick pick(const upstream::PickContext& context) override;
  void forecast(const upstream::PickContext&, upstream::PickForecast& out) const override {
    out.rule = "by chance, in proportion to weights";
  }

 private:
  // How often a host that was tried is drawn before all are looked at.
  static constexpr int kDraws = 8;
  upstream::Pick scan(const upstream::PickContext& context);

  base::Random& random_;
  const upstream::HostSet* hosts_ = nullptr;
  std::vector<uint32_t> group_;
  std::shared_ptr<const common::AliasTable> table_;
};

// Immutable.
class RandomFactory final : public upstream::AlgorithmFactory {
 public:
  std::string_view name() const override { return "random"; }
  std::unique_ptr<upstream::Algorithm> createAlgorithm(
      const upstream::BalancerContext& context) const override {
    return std::make_unique<RandomChoice>(context.random);
  }
  std::shared_ptr<const upstream::BalancerTable> prepareGroup(
      const upstream::HostSet& hosts, const upstream::HostGroup& group) const override {
    return std::make_shared<common::AliasTable>(hosts, group);
  }
};

}  // namespace weir::extensions::load_balancing::random
