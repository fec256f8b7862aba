#pragma once

#include <memory>
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
  // One of the group, if possible not one of `context.tried`: one that hashes gives the owner that
  // the key has when those are not there. When all have been tried it gives one of them.
  virtual Pick pick(const PickContext& context) = 0;
  // As LoadBalancer::onResponse, for hosts of the group.
  virtual void onResponse(uint32_t /*host*/, std::chrono::microseconds /*took*/, bool /*success*/,
                          event::MonotonicTime /*now*/) {}
};

// What the extension of an algorithm makes of its configuration. Immutable.
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
};

}  // namespace weir::upstream
