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
  void forecast(const upstream::PickContext&, upstream::PickForecast& out) const override {
    out.rule = "each in turn, in proportion to weights; each worker for itself";
  }

 private:
  struct Entry {
    double deadline;
    uint32_t host;
    uint32_t weight;
    uint64_t turn;  // k
  };
  bool before(uint32_t a, uint32_t b) const {
    const double left = entries_[a].deadline;
    const double right = entries_[b].deadline;
    return left < right || (left == right && a < b);
  }
  static double deadlineOf(uint64_t turn, uint32_t weight) {
    return static_cast<double>(2 * turn + 1) / (2.0 * weight);
  }
  void schedule();
  void build();
  uint32_t rotate(const upstream::PickContext& context);
  uint32_t earliest(const upstream::PickContext& context);
  void advance(uint32_t position);
  // Whoever wins goes on, the other stays.
  uint32_t play(size_t node, uint32_t player) {
    const uint32_t other = losers_[node];
    const bool lost = before(other, player);
    losers_[node] = lost ? player : other;
    return lost ? other : player;
  }

  static constexpr uint32_t kNobody = ~uint32_t{0};
  double now_;         // virtual time: one cycle per unit
  uint32_t last_ = 0;  // picked at now_
  uint64_t cursor_;    // of the rotation
  bool equal_weights_ = true;
  std::vector<uint32_t> eligible_;
  // The rest only with unequal weights. A tournament: entry i of n meets others at the nodes
  // (n + i) / 2, (n + i) / 4, … down to 1, and each node has the loser. When an entry gets another
  // deadline only its own path is played again, and who is met there does not depend on how the
  // games end: nothing waits for a comparison, as it would in a heap.
  std::vector<Entry> entries_;  // by host, ascending
  std::vector<uint32_t> losers_;
  uint32_t winner_ = 0;
};

// Immutable.
class RoundRobinFactory final : public upstream::AlgorithmFactory {
 public:
  std::string_view name() const override { return "round_robin"; }
  std::unique_ptr<upstream::Algorithm> createAlgorithm(
      const upstream::BalancerContext& context) const override;
};

}  // namespace weir::extensions::load_balancing::round_robin
