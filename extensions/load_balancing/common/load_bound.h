#pragma once

#include <cstdint>

#include "source/upstream/load_balancer.h"

namespace weir::extensions::load_balancing::common {

// Which endpoints of a group a pick may choose, for algorithms in which a key has owners in order:
// those that were not tried, and of these, with a bound, only those below it. The bound is a factor
// on the endpoint's share of all requests in flight, rounded up, with the request that is to be
// placed counted in ("Consistent Hashing with Bounded Loads", Mirrokni, Thorup and Zadimoghaddam,
// 2018). What was tried does not take part: its requests and weight are left out of the sums. So
// there always is an endpoint below the bound. Counts are this worker's. Worker-confined.
class LoadBound {
 public:
  // `percent`: the factor, at least 100; 0: no bound.
  explicit LoadBound(uint32_t percent) : percent_(percent) {}

  // As upstream::Algorithm::onGroup().
  void adopt(const upstream::HostSet& hosts, const upstream::HostGroup& group,
             const upstream::HostLoads& loads);
  // Every endpoint may be chosen.
  bool open(const upstream::PickContext& context) const {
    return percent_ == 0 && context.tried.empty() && context.avoided.empty();
  }

  // Says for one pick whether an endpoint may be chosen. When all have been tried, as if none had.
  class Room {
   public:
    Room(const LoadBound& bound, const upstream::PickContext& context);
    bool operator()(uint32_t host) const {
      return !(some_tried_ && upstream::isTried(context_, host)) &&
             (bound_.percent_ == 0 || bound_.below(host, requests_, weights_));
    }

   private:
    const LoadBound& bound_;
    const upstream::PickContext& context_;
    bool some_tried_;
    uint64_t requests_ = 0;
    uint64_t weights_ = 0;
  };

 private:
  bool allTried(const upstream::PickContext& context) const;
  uint32_t weight(uint32_t host) const { return hosts_->hosts[host].endpoint->weight; }
  // `requests` has the one that is to be placed.
  bool below(uint32_t host, uint64_t requests, uint64_t weights) const {
    return uint64_t{loads_->inFlight(host)} * 100 * weights < requests * percent_ * weight(host);
  }
  uint64_t requestsInFlight() const;

  const uint32_t percent_;
  const upstream::HostSet* hosts_ = nullptr;
  const upstream::HostGroup* group_ = nullptr;
  const upstream::HostLoads* loads_ = nullptr;
  uint64_t weights_ = 0;
};

}  // namespace weir::extensions::load_balancing::common
