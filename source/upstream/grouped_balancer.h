#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "source/upstream/load_balancer.h"

namespace weir::upstream {

// How one of equals is chosen: a load-balancing algorithm's state for one group of a host set on
// one worker. Need not know of other groups, of slow start, of full endpoints. Worker-confined. A
// pick does not allocate.
class Algorithm {
 public:
  virtual ~Algorithm() = default;
  // As LoadBalancer::onHostSet; `group` is in `hosts`, and has the table of
  // AlgorithmFactory::prepareGroup(). All with one key come to the same instance.
  virtual void onGroup(const HostSet& hosts, const HostGroup& group, const HostLoads& loads) = 0;
  // One of the group, if there is one that isTried() does not say of: one that hashes gives the
  // owner that the key has when those are not there. When all have been tried it gives one of them.
  virtual Pick pick(const PickContext& context) = 0;
  // As LoadBalancer::forecast, for hosts of the group.
  virtual void forecast(const PickContext& /*context*/, PickForecast& /*out*/) const {}
  // As LoadBalancer::onResponse, for hosts of the group.
  virtual void onResponse(uint32_t /*host*/, std::chrono::microseconds /*took*/, bool /*success*/,
                          event::MonotonicTime /*now*/) {}
};

// What the extension of an algorithm makes of its configuration. Immutable.
//
// Its load balancer, the same for all algorithms, has one Algorithm for each group:
// - The group is chosen by its share; for algorithms that hash, the same key has the same group as
//   long as the shares allow.
// - An endpoint in slow start that has the part f of its share is passed over in 1 - f of the picks
//   that it would get, and the algorithm is asked again as if it had been tried. For algorithms
//   that hash the key decides whether, so that a key that has come to it stays. For others it looks
//   as if it had 1 / f times as many requests in flight.
// - Full endpoints are passed over in the same way. When a group has none that is neither tried nor
//   full, others are asked; then those that were tried; then the pick is a wait.
class AlgorithmFactory : public LoadBalancerFactory {
 public:
  void prepare(HostSet& hosts, const EligibilityPolicy& policy) const final;
  std::unique_ptr<LoadBalancer> create(const BalancerContext& context) const final;

  // Called once for each group.
  virtual std::unique_ptr<Algorithm> createAlgorithm(const BalancerContext& context) const = 0;
  // What HostGroup::table is to be; null: nothing. Pure; main thread.
  virtual std::shared_ptr<const BalancerTable> prepareGroup(const HostSet& /*hosts*/,
                                                            const HostGroup& /*group*/) const {
    return nullptr;
  }
  // For algorithms that hash: what they hash when there is no hash policy, or what it wants is not
  // there. One that says usesHash() always finds PickContext::hash set, if need be to a random one.
  virtual std::optional<uint64_t> ownHash(const PickContext& /*context*/) const {
    return std::nullopt;
  }
};

}  // namespace weir::upstream
