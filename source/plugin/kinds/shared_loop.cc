#include "source/plugin/kinds/shared_loop.h"

#include <map>

namespace weir::plugin {
namespace {

// Those of one thread that are in use. Worker-confined.
struct SharedLoops {
  std::map<const PluginConfig*, std::weak_ptr<Loop>> by_config;
};

}  // namespace

std::shared_ptr<Loop> sharedLoop(const Kind& kind,
                                 const std::shared_ptr<const PluginConfig>& config,
                                 base::ServiceMap& services) {
  auto& loops =
      services.shared<SharedLoops>([] { return std::make_shared<SharedLoops>(); }).by_config;
  if (const auto found = loops.find(config.get()); found != loops.end()) {
    if (std::shared_ptr<Loop> loop = found->second.lock()) return loop;
  }
  std::erase_if(loops, [](const auto& entry) { return entry.second.expired(); });
  auto loop = std::make_shared<Loop>(kind, config, services);
  loops[config.get()] = loop;
  return loop;
}

}  // namespace weir::plugin
