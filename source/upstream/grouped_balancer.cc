#include "source/upstream/grouped_balancer.h"

#include <algorithm>
#include <utility>

namespace weir::upstream {
namespace {

// One algorithm for each group. Worker-confined.
class GroupedBalancer final : public LoadBalancer {
 public:
  GroupedBalancer(const AlgorithmFactory& factory, const BalancerContext& context)
      : factory_(factory), context_(context) {}

  void onHostSet(const HostSet& hosts, const HostLoads& loads) override;
  Pick pick(const PickContext& context) override;
  void onResponse(uint32_t host, std::chrono::microseconds took, bool success,
                  event::MonotonicTime now) override;

 private:
  struct Part {
    uint64_t key;
    std::unique_ptr<Algorithm> algorithm;
  };

  const AlgorithmFactory& factory_;
  const BalancerContext context_;
  const HostSet* hosts_ = nullptr;
  std::vector<Part> parts_;  // as HostSet::groups
};

void GroupedBalancer::onHostSet(const HostSet& hosts, const HostLoads& loads) {
  hosts_ = &hosts;
  std::vector<Part> before = std::exchange(parts_, {});
  for (const HostGroup& group : hosts.groups) {
    const auto found = std::find_if(before.begin(), before.end(), [&](const Part& part) {
      return part.key == group.key && part.algorithm != nullptr;
    });
    parts_.push_back({group.key, found != before.end() ? std::move(found->algorithm)
                                                       : factory_.createAlgorithm(context_)});
    parts_.back().algorithm->onGroup(hosts, group, loads);
  }
}

Pick GroupedBalancer::pick(const PickContext& context) {
  if (parts_.empty()) return Pick::failure(hosts_->none_reason);
  return parts_.front().algorithm->pick(context);
}

void GroupedBalancer::onResponse(uint32_t host, std::chrono::microseconds took, bool success,
                                 event::MonotonicTime now) {
  const uint32_t group = hosts_->group_of[host];
  if (group != HostSet::kNoGroup) parts_[group].algorithm->onResponse(host, took, success, now);
}

}  // namespace

void AlgorithmFactory::prepare(HostSet& hosts, const EligibilityPolicy&) const {
  for (HostGroup& group : hosts.groups) group.table = prepareGroup(hosts, group);
}

std::unique_ptr<LoadBalancer> AlgorithmFactory::create(const BalancerContext& context) const {
  return std::make_unique<GroupedBalancer>(*this, context);
}

}  // namespace weir::upstream
