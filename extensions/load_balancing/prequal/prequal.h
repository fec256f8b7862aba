#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "extensions/load_balancing/prequal/prequal_stats.h"
#include "extensions/load_balancing/prequal/probe_pool.h"
#include "extensions/load_balancing/prequal/prober.h"
#include "extensions/load_balancing/prequal/weighted_draw.h"
#include "source/base/random.h"
#include "source/upstream/grouped_balancer.h"

namespace weir::extensions::load_balancing::prequal {

struct PrequalOptions {
  double probes_per_pick = 3;
  double removals_per_pick = 1;
  uint32_t pool_size = 16;
  std::chrono::milliseconds max_probe_age{1'000};
  double hot_quantile = 0.6;
  double accumulation = 1;  // what the paper calls delta
  // How long an observation of the latency counts, less and less.
  std::chrono::milliseconds observation_window{10'000};
  uint32_t max_probes_per_second = 1'000;
};

// For how many picks an answer is good in the mean: 1 or more (section 4 of the paper).
double reuseBudget(const PrequalOptions& options, size_t hosts);

// After Wydrowski, Kleinberg, Rumble and Archer, "Load is not what you should balance: Introducing
// Prequal" (NSDI 2024). Each pick makes some probes of random endpoints due, which tell their
// requests in flight and their latency. The answers wait in a pool, each for a few picks and a
// short time. An endpoint is hot when its load is above a quantile of what was told lately; of
// those that are not hot the fastest is taken, and when all are hot the least loaded.
//
// As long as most of those asked do not answer, what this worker itself sees takes the place of
// answers: what it has in flight there, and how long requests took. Then no probe is awaited: each
// pick looks at some random endpoints first.
// Worker-confined.
class Prequal final : public upstream::Algorithm, public ProbeOwner {
 public:
  // `probers` null: nobody is asked.
  Prequal(const upstream::BalancerContext& context, const PrequalOptions& options,
          const PrequalStats* stats, const ProberFactory* probers);
  ~Prequal() override;

  void onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
               const upstream::HostLoads& loads) override;
  upstream::Pick pick(const upstream::PickContext& context) override;
  void forecast(const upstream::PickContext& context, upstream::PickForecast& out) const override;
  void onResponse(uint32_t host, std::chrono::microseconds took, bool success,
                  event::MonotonicTime now) override;

  uint32_t nextTarget(event::MonotonicTime now) override;
  void onProbe(uint32_t host, const ProbeAnswer& answer, event::MonotonicTime now) override;
  Mode mode() const { return mode_; }

 private:
  enum class Standing : uint8_t {
    kUnknown,  // was not asked yet, or it was in vain for a reason that passes
    kAnswers,
    kMute,  // does not speak this language
  };
  struct Host {
    uint64_t uid = 0;
    uint32_t index = 0;  // in the host set
    uint32_t step = 1;   // see Probe::step
    float latency_us = 0;
    event::MonotonicTime latency_at = {};
    event::MonotonicTime ask_after = {};
    Standing standing = Standing::kUnknown;
    uint8_t failures = 0;  // in a row
    bool asked = false;    // a probe is on its way
  };
  static constexpr uint32_t kNone = ~uint32_t{0};

  void setSteps(const upstream::HostSet& hosts);
  void refresh(ProbePool& pool) const;
  void observe(event::MonotonicTime now);
  uint32_t observedLatency(const Host& host, event::MonotonicTime now) const;
  uint32_t choose(const upstream::PickContext& context);
  uint32_t drawUntried(const upstream::PickContext& context);
  void remove();
  void wantProbes(const upstream::PickContext& context);
  void put(uint32_t position, uint64_t in_flight, uint32_t latency_us, event::MonotonicTime now);
  void measureSupply();
  void noteFailure(Host& host, ProbeResult result, event::MonotonicTime now);
  void setStanding(Host& host, Standing standing);
  void settleMode();
  uint32_t positionOf(uint32_t host) const {
    return host < positions_.size() ? positions_[host] : kNone;
  }

  base::Random& random_;
  const PrequalOptions options_;
  PrequalCells cells_;
  const upstream::HostLoads* loads_ = nullptr;
  std::vector<Host> hosts_;          // of the group
  std::vector<uint32_t> positions_;  // in hosts_, by index in the host set
  WeightedDraw draw_;
  ProbePool pool_;
  LoadDistribution loads_told_;
  Mode mode_ = Mode::kObserved;
  uint32_t answering_ = 0;  // hosts by standing
  uint32_t mute_ = 0;
  double reuse_ = 1;       // reuseBudget()
  double probes_due_ = 0;  // fractions carried from pick to pick
  double removals_due_ = 0;
  bool remove_oldest_ = false;
  // Answers per pick, as a part of what was to be: the rest was too much to ask, or got lost.
  double supply_ = 1;
  uint32_t window_picks_ = 0;
  uint32_t window_answers_ = 0;
  double allowance_ = 1;  // probes that max_probes_per_second leaves
  event::MonotonicTime allowance_at_ = {};
  std::unique_ptr<Prober> prober_;  // null: nobody is asked; the first to go
};

// Immutable.
class PrequalFactory final : public upstream::AlgorithmFactory {
 public:
  explicit PrequalFactory(const PrequalOptions& options = {},
                          const std::optional<PrequalStats>& stats = {},
                          std::shared_ptr<const ProberFactory> probers = nullptr)
      : options_(options), stats_(stats), probers_(std::move(probers)) {}
  std::string_view name() const override { return "prequal"; }
  std::unique_ptr<upstream::Algorithm> createAlgorithm(
      const upstream::BalancerContext& context) const override;

 private:
  const PrequalOptions options_;
  const std::optional<PrequalStats> stats_;
  const std::shared_ptr<const ProberFactory> probers_;
};

}  // namespace weir::extensions::load_balancing::prequal
