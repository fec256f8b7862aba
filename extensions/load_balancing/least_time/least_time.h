#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "extensions/load_balancing/common/alias_table.h"
#include "source/base/random.h"
#include "source/upstream/grouped_balancer.h"

namespace weir::extensions::load_balancing::least_time {

struct LeastTimeOptions {
  std::chrono::milliseconds half_life{10'000};
  uint32_t failure_factor = 10;  // a failure counts as a response that took so many times the usual
  uint32_t choices = 2;          // endpoints compared in a large set; at least 2
  uint32_t full_scan_limit = 8;  // sets up to this size are compared as a whole
};

// How long responses of one endpoint take: an average by time that rises at once to whatever took
// longer, and forgets with a half-life; one that nobody has asked for longer than that is forgotten
// too (Peak EWMA, as in Twitter's Finagle). Value.
class PeakAverage {
 public:
  bool known() const { return micros_ > 0; }
  // Only when known.
  double at(event::MonotonicTime now, std::chrono::duration<double> half_life) const;
  void add(double micros, event::MonotonicTime now, std::chrono::duration<double> half_life);

 private:
  double micros_ = 0;
  event::MonotonicTime updated_ = {};
};

// The endpoint where the request should be done soonest: the lowest average response time x
// (requests in flight + 1) / weight, of all in a small set, of a few drawn by weight in a large
// one.
//
// One is drawn by weight, and stays chosen unless another is clearly better, so that with response
// times that are alike the shares are the weights. What nobody knows anything of yet counts as the
// median of the group: it gets its share of requests, and no more than others have in flight.
// Worker-confined.
class LeastTime final : public upstream::Algorithm {
 public:
  LeastTime(base::Random& random, const LeastTimeOptions& options);

  void onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
               const upstream::HostLoads& loads) override;
  upstream::Pick pick(const upstream::PickContext& context) override;
  void forecast(const upstream::PickContext& context, upstream::PickForecast& out) const override;
  void onResponse(uint32_t host, std::chrono::microseconds took, bool success,
                  event::MonotonicTime now) override;

 private:
  static constexpr size_t kNone = ~size_t{0};
  struct Candidate {
    uint32_t host;
    float capacity;  // weight / average weight
    uint64_t uid;
    PeakAverage average;
  };
  struct Cost {
    double time = 0;  // of a response
    double in_flight = 0;
    double capacity = 1;
    double whole = 0;  // with one request more
    size_t at = kNone;
  };
  Cost costOf(size_t at, event::MonotonicTime now) const;
  static bool clearlyBetter(const Cost& other, const Cost& first);
  size_t drawUntried(const upstream::PickContext& context);
  size_t scan(const upstream::PickContext& context, size_t first) const;
  size_t drawMore(const upstream::PickContext& context, size_t first);
  size_t better(const Cost& other, size_t first, event::MonotonicTime now) const;

  base::Random& random_;
  const LeastTimeOptions options_;
  const std::chrono::duration<double> half_life_;
  base::EvenSequence first_draws_;
  const upstream::HostLoads* loads_ = nullptr;
  std::vector<Candidate> candidates_;  // by host, ascending
  std::shared_ptr<const common::AliasTable> table_;
  double usual_ = 0;  // microseconds: the median of good responses of the group; 0: there was none
};

// Immutable.
class LeastTimeFactory final : public upstream::AlgorithmFactory {
 public:
  explicit LeastTimeFactory(const LeastTimeOptions& options = {}) : options_(options) {}
  std::string_view name() const override { return "least_time"; }
  std::unique_ptr<upstream::Algorithm> createAlgorithm(
      const upstream::BalancerContext& context) const override;
  std::shared_ptr<const upstream::BalancerTable> prepareGroup(
      const upstream::HostSet& hosts, const upstream::HostGroup& group) const override;

 private:
  const LeastTimeOptions options_;
};

}  // namespace weir::extensions::load_balancing::least_time
