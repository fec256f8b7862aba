#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "source/base/random.h"
#include "source/upstream/grouped_balancer.h"

namespace weir::extensions::load_balancing::round_robin {

// Smooth weighted round robin. Each endpoint owns the virtual deadlines (k + 1/2) / weight, k = 0,
// 1, …; the earliest goes first, ties by position. That is the order of nginx's smooth weighted
// round robin (weights 3, 1, 2 give a c a b c a) at O(log n) a pick instead of O(n); with equal
// weights it is a plain rotation at O(1). Every worker starts at a random point of the cycle, so
// that workers do not march in step; a new host set goes on where the old one stood.
// Worker-confined.
class RoundRobin final : public upstream::Algorithm {
 public:
  explicit RoundRobin(base::Random& random);

  void onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
               const upstream::HostLoads& loads) override;
  upstream::Pick pick(const upstream::PickContext& context) override;

 private:
  struct Entry {
    double deadline;
    uint32_t host;
    uint32_t weight;
    uint64_t turn;  // k
  };
  static bool before(const Entry& a, const Entry& b) {
    return a.deadline != b.deadline ? a.deadline < b.deadline : a.host < b.host;
  }
  static double deadlineOf(uint64_t turn, uint32_t weight) {
    return static_cast<double>(2 * turn + 1) / (2.0 * weight);
  }
  void schedule();
  uint32_t rotate(const upstream::PickContext& context);
  uint32_t earliest(const upstream::PickContext& context);
  void advance(size_t position);
  void siftDown(size_t position);

  double now_;         // virtual time: one cycle per unit
  uint32_t last_ = 0;  // picked at now_
  uint64_t cursor_;    // of the rotation
  bool equal_weights_ = true;
  std::vector<uint32_t> eligible_;
  std::vector<Entry> heap_;  // binary min-heap by before(); only with unequal weights
};

// Immutable.
class RoundRobinFactory final : public upstream::AlgorithmFactory {
 public:
  std::string_view name() const override { return "round_robin"; }
  std::unique_ptr<upstream::Algorithm> createAlgorithm(
      const upstream::BalancerContext& context) const override;
};

}  // namespace weir::extensions::load_balancing::round_robin
