#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "source/upstream/grouped_balancer.h"

namespace weir::extensions::load_balancing::source_ip_hash {

// Leading bits that count.
struct SourceIpHashOptions {
  uint8_t ipv4_bits = 32;
  uint8_t ipv6_bits = 64;
};

// The endpoint in whose share of the sum of weights the hash falls, modulo that sum. One that was
// tried is replaced by that of a hash of the hash, and so on: the same for all who ask so.
// Worker-confined; without state but for the host set.
class SourceIpHash final : public upstream::Algorithm {
 public:
  void onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
               const upstream::HostLoads& loads) override;
  upstream::Pick pick(const upstream::PickContext& context) override;
  void forecast(const upstream::PickContext& context, upstream::PickForecast& out) const override;

 private:
  // How often a host that was tried is drawn before the next one in line is taken.
  static constexpr int kDraws = 8;
  size_t at(uint64_t hash) const;

  std::vector<uint32_t> hosts_;  // eligible ones
  std::vector<uint64_t> ends_;   // of their shares, ascending
};

// Immutable.
class SourceIpHashFactory final : public upstream::AlgorithmFactory {
 public:
  explicit SourceIpHashFactory(const SourceIpHashOptions& options = {}) : options_(options) {}
  std::string_view name() const override { return "source_ip_hash"; }
  bool usesHash() const override { return true; }
  // Clients without an address share one.
  std::optional<uint64_t> ownHash(const upstream::PickContext& context) const override;
  std::unique_ptr<upstream::Algorithm> createAlgorithm(
      const upstream::BalancerContext&) const override {
    return std::make_unique<SourceIpHash>();
  }

 private:
  const SourceIpHashOptions options_;
};

}  // namespace weir::extensions::load_balancing::source_ip_hash
