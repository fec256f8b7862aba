#include "source/plugin/kinds/load_balancing.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

#include "source/base/concat.h"
#include "source/config/extensions.h"
#include "source/plugin/guard.h"
#include "source/plugin/kinds/all.h"
#include "source/plugin/kinds/picks.h"
#include "source/plugin/kinds/shared_loop.h"
#include "source/upstream/cluster.h"

namespace weir::plugin {
namespace {

constexpr std::string_view kFailed = "plugin_failed";

// One group of endpoints as a plugin balances it. Worker-confined.
class PluginAlgorithm final : public upstream::Algorithm {
 public:
  PluginAlgorithm(std::shared_ptr<Loop> loop, std::string_view cluster)
      : loop_(std::move(loop)),
        thread_(loop_->thread()),
        functions_(readKind<weir_load_balancing>(loop_->kind().raw())) {
    if (loop_->failed()) return;
    balancer_ = guarded(thread_, "balancer_create", functions_.balancer_create, loop_->worker(),
                        str(cluster));
    if (balancer_ == nullptr) thread_.error("balancer_create", "there is no balancer");
  }
  ~PluginAlgorithm() override {
    if (balancer_ == nullptr || functions_.balancer_destroy == nullptr) return;
    guarded(thread_, "balancer_destroy", functions_.balancer_destroy, balancer_);
  }

  void onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
               const upstream::HostLoads& loads) override;
  upstream::Pick pick(const upstream::PickContext& context) override;
  void onResponse(uint32_t host, std::chrono::microseconds took, bool success,
                  event::MonotonicTime now) override;

 private:
  // The plugin's index of a host of the set; the number of them when it has none.
  uint32_t indexOf(uint32_t host) const;

  const std::shared_ptr<Loop> loop_;
  ThreadPlugin& thread_;
  const weir_load_balancing functions_;
  void* balancer_ = nullptr;  // null: the plugin has failed
  Hosts hosts_;
};

void PluginAlgorithm::onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
                              const upstream::HostLoads& loads) {
  hosts_ = {&hosts, &loads, group.hosts};
  if (balancer_ == nullptr || functions_.on_hosts == nullptr) return;
  guarded(thread_, "on_hosts", functions_.on_hosts, balancer_, handleOf(hosts_));
}

upstream::Pick PluginAlgorithm::pick(const upstream::PickContext& context) {
  if (balancer_ == nullptr) return upstream::Pick::failure(kFailed);
  const int32_t index =
      guarded(thread_, "pick", functions_.pick, balancer_, handleOf(hosts_), handleOf(context));
  if (index >= 0 && static_cast<size_t>(index) < hosts_.members.size()) [[likely]] {
    return upstream::Pick::endpoint(hosts_.members[static_cast<size_t>(index)]);
  }
  thread_.error("pick", base::concat("chose ", index, " of ", hosts_.members.size(),
                                     " endpoints; it must be from 0 on"));
  return upstream::Pick::failure(kFailed);
}

uint32_t PluginAlgorithm::indexOf(uint32_t host) const {
  const auto found = std::lower_bound(hosts_.members.begin(), hosts_.members.end(), host);
  const bool there = found != hosts_.members.end() && *found == host;
  return static_cast<uint32_t>(there ? found - hosts_.members.begin()
                                     : static_cast<std::ptrdiff_t>(hosts_.members.size()));
}

void PluginAlgorithm::onResponse(uint32_t host, std::chrono::microseconds took, bool success,
                                 event::MonotonicTime) {
  if (balancer_ == nullptr || functions_.on_response == nullptr) return;
  const uint32_t index = indexOf(host);
  if (index == hosts_.members.size()) return;
  const auto took_us = static_cast<uint64_t>(took.count() > 0 ? took.count() : 0);
  guarded(thread_, "on_response", functions_.on_response, balancer_, handleOf(hosts_), index,
          took_us, success ? 1 : 0);
}

// Immutable.
class PluginBalancingExtension final : public PluginExtension<config::LoadBalancingExtension> {
 public:
  using PluginExtension::PluginExtension;
  std::shared_ptr<const upstream::LoadBalancerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext&) const override {
    auto compiled = compilePluginConfig(kind(), config, at);
    if (compiled == nullptr) return nullptr;
    const bool uses_hash = readKind<weir_load_balancing>(kind().raw()).uses_hash != 0;
    return std::make_shared<PluginAlgorithmFactory>(kind(), std::move(compiled), uses_hash);
  }
};

std::string check(const void* raw) {
  const auto functions = readKind<weir_load_balancing>(raw);
  if (functions.balancer_create == nullptr) return "balancer_create is missing";
  return functions.pick == nullptr ? "pick is missing" : "";
}

}  // namespace

std::unique_ptr<upstream::Algorithm> PluginAlgorithmFactory::createAlgorithm(
    const upstream::BalancerContext& context) const {
  const std::string_view cluster =
      context.cluster == nullptr ? std::string_view() : context.cluster->name();
  return std::make_unique<PluginAlgorithm>(sharedLoop(kind_, config_, *context.services), cluster);
}

constinit const KindType kLoadBalancingType{
    .type = WEIR_LOAD_BALANCING,
    .category = config::LoadBalancingExtension::kCategory,
    .least_size =
        offsetof(weir_load_balancing, on_response) + sizeof(weir_load_balancing::on_response),
    .check = check,
    .make = [](const Kind& kind) -> std::unique_ptr<base::Extension> {
      return std::make_unique<PluginBalancingExtension>(kind);
    },
};

}  // namespace weir::plugin
