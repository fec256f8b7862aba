#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "source/upstream/grouped_balancer.h"

namespace weir::extensions::load_balancing::first {

struct FirstOptions {
  // Requests that one worker has in flight at an endpoint of weight 1 before it goes on to the
  // next; 0: until the endpoint's own limits are reached.
  uint32_t max_in_flight = 0;
};

// The first endpoint that has room, in the order of the host set, so that as few as possible are in
// use. Worker-confined.
class First final : public upstream::Algorithm {
 public:
  explicit First(const FirstOptions& options) : options_(options) {}

  void onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
               const upstream::HostLoads& loads) override;
  upstream::Pick pick(const upstream::PickContext& context) override;
  void forecast(const upstream::PickContext& context, upstream::PickForecast& out) const override;

 private:
  struct Candidate {
    uint32_t host;
    uint32_t most;  // in flight
  };
  const FirstOptions options_;
  const upstream::HostLoads* loads_ = nullptr;
  std::vector<Candidate> candidates_;
};

// Immutable.
class FirstFactory final : public upstream::AlgorithmFactory {
 public:
  explicit FirstFactory(const FirstOptions& options = {}) : options_(options) {}
  std::string_view name() const override { return "first"; }
  std::unique_ptr<upstream::Algorithm> createAlgorithm(
      const upstream::BalancerContext&) const override {
    return std::make_unique<First>(options_);
  }

 private:
  const FirstOptions options_;
};

}  // namespace weir::extensions::load_balancing::first
