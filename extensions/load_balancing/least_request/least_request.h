#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "source/base/random.h"
#include "source/upstream/grouped_balancer.h"

namespace weir::extensions::load_balancing::least_request {

struct LeastRequestOptions {
  uint32_t choices = 2;           // endpoints compared in a large set; at least 2
  uint32_t full_scan_limit = 16;  // sets up to this size are compared as a whole
};

// The endpoint with the lowest (requests in flight + 1) / weight: of all in a small set, of a few
// drawn at random in a large one (Mitzenmacher, "The Power of Two Choices in Randomized Load
// Balancing"). What is in flight is what this worker sent. Equal ones share by chance.
// Worker-confined.
class LeastRequest final : public upstream::Algorithm {
 public:
  LeastRequest(base::Random& random, const LeastRequestOptions& options);

  void onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
               const upstream::HostLoads& loads) override;
  upstream::Pick pick(const upstream::PickContext& context) override;

 private:
  struct Candidate {
    uint32_t host;
    uint32_t weight;
  };
  bool lighter(const Candidate& a, const Candidate& b) const;
  // Positions in candidates_, or kNone when all that were looked at had been tried.
  size_t scan(const upstream::PickContext& context);
  size_t draw(const upstream::PickContext& context);

  static constexpr size_t kNone = ~size_t{0};
  base::Random& random_;
  const LeastRequestOptions options_;
  const upstream::HostLoads* loads_ = nullptr;
  std::vector<Candidate> candidates_;
};

// Immutable.
class LeastRequestFactory final : public upstream::AlgorithmFactory {
 public:
  explicit LeastRequestFactory(const LeastRequestOptions& options = {}) : options_(options) {}
  std::string_view name() const override { return "least_request"; }
  std::unique_ptr<upstream::Algorithm> createAlgorithm(
      const upstream::BalancerContext& context) const override;

 private:
  const LeastRequestOptions options_;
};

}  // namespace weir::extensions::load_balancing::least_request
