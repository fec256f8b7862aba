#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "source/base/hash.h"
#include "source/base/random.h"
#include "source/upstream/slow_start.h"
#include "test/upstream/test_hosts.h"

// For the tests of algorithms that hash.
namespace weir::extensions::load_balancing {

// As the hash of a key is: any number.
inline uint64_t keyOf(uint64_t number) {
  return base::mix64(number * 0x9e3779b97f4a7c15 + 1);
}

// The same endpoints without some of them; indices stay.
inline std::shared_ptr<const upstream::HostSet> without(const upstream::HostSet& hosts,
                                                        const std::set<uint32_t>& gone) {
  std::vector<upstream::HostSet::Host> list = hosts.hosts;
  for (const uint32_t host : gone) list[host].health = upstream::Health::kDisabled;
  return upstream::eligible(hosts.version + 1, std::move(list));
}

// Equal weights.
inline std::shared_ptr<const upstream::HostSet> equalHosts(uint32_t count) {
  return upstream::hostsOf(std::vector<uint32_t>(count, 1));
}

// One worker's balancer, with all that is around an algorithm.
class HashingWorker {
 public:
  template <class Factory>
  HashingWorker(const Factory& factory, std::shared_ptr<const upstream::HostSet> hosts,
                const upstream::SlowStart& slow_start = {})
      : factory_(std::make_shared<const Factory>(factory)),
        random_(1),
        slow_start_(slow_start),
        loads(hosts->hosts.size()) {
    auto prepared = std::make_shared<upstream::HostSet>(*hosts);
    factory_->prepare(*prepared, {});
    hosts_ = prepared;
    balancer_ = factory_->create({.random = random_, .slow_start = &slow_start_});
    balancer_->onHostSet(*hosts_, loads);
  }
  uint32_t pick(uint64_t key, std::vector<uint32_t> tried = {}) {
    upstream::PickContext context;
    context.hash = key;
    context.tried = tried;
    context.now = now;
    return balancer_->pick(context).host;
  }
  upstream::Pick pick(const upstream::PickContext& context) { return balancer_->pick(context); }
  const upstream::HostSet& hosts() const { return *hosts_; }

 private:
  const std::shared_ptr<const upstream::AlgorithmFactory> factory_;
  base::Random random_;
  const upstream::SlowStart slow_start_;
  std::shared_ptr<const upstream::HostSet> hosts_;
  std::unique_ptr<upstream::LoadBalancer> balancer_;

 public:
  upstream::FakeLoads loads;
  event::MonotonicTime now = event::MonotonicTime(std::chrono::hours(1));
};

}  // namespace weir::extensions::load_balancing
