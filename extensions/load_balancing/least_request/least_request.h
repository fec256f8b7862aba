#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "extensions/load_balancing/common/alias_table.h"
#include "source/base/random.h"
#include "source/upstream/grouped_balancer.h"

namespace weir::extensions::load_balancing::least_request {

struct LeastRequestOptions {
  uint32_t choices = 2;          // endpoints compared in a large set; at least 2
  uint32_t full_scan_limit = 8;  // sets up to this size are compared as a whole
};

// The endpoint with the fewest requests in flight for its weight: of all in a small set, of a few
// drawn at random in a large one (Mitzenmacher, "The Power of Two Choices in Randomized Load
// Balancing"). What is in flight is what this worker sent.
//
// One is drawn by weight, and stays chosen unless another has, with the request, no more in flight
// for its weight than the drawn one has without it. With equal weights the other just has fewer.
// With others the shares are the weights even when hardly anything is in flight, where the lowest
// ratio would always be that of the same endpoint. Worker-confined.
class LeastRequest final : public upstream::Algorithm {
 public:
  LeastRequest(base::Random& random, const LeastRequestOptions& options);

  void onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
               const upstream::HostLoads& loads) override;
  upstream::Pick pick(const upstream::PickContext& context) override;
  void forecast(const upstream::PickContext& context, upstream::PickForecast& out) const override;

 private:
  struct Candidate {
    uint32_t host;
    uint32_t weight;
  };
  // With what it would have in flight: the request included, unless it is the one drawn first.
  struct Loaded {
    uint64_t load;
    uint64_t weight;
    size_t at;
  };
  Loaded loaded(size_t at, uint32_t more) const {
    const Candidate& candidate = candidates_[at];
    return {uint64_t{loads_->inFlight(candidate.host)} + more, candidate.weight, at};
  }
  // Less than 0: `a` has less for its weight; 0: the same.
  static int compare(const Loaded& a, const Loaded& b);
  size_t drawUntried(const upstream::PickContext& context);
  size_t scan(const upstream::PickContext& context, size_t first);
  size_t drawMore(const upstream::PickContext& context, size_t first);

  static constexpr size_t kNone = ~size_t{0};
  base::Random& random_;
  const LeastRequestOptions options_;
  base::EvenSequence first_draws_;
  const upstream::HostLoads* loads_ = nullptr;
  std::vector<Candidate> candidates_;
  std::shared_ptr<const common::AliasTable> table_;
};

// Immutable.
class LeastRequestFactory final : public upstream::AlgorithmFactory {
 public:
  explicit LeastRequestFactory(const LeastRequestOptions& options = {}) : options_(options) {}
  std::string_view name() const override { return "least_request"; }
  std::unique_ptr<upstream::Algorithm> createAlgorithm(
      const upstream::BalancerContext& context) const override;
  std::shared_ptr<const upstream::BalancerTable> prepareGroup(
      const upstream::HostSet& hosts, const upstream::HostGroup& group) const override;

 private:
  const LeastRequestOptions options_;
};

}  // namespace weir::extensions::load_balancing::least_request
