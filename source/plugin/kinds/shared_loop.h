#pragma once

#include <memory>

#include "source/base/service_map.h"
#include "source/plugin/loop.h"

namespace weir::plugin {

// The one Loop of that configuration on the thread of `services`, for kinds of which a thread has
// several objects: one for each cluster, or group of endpoints. Kept by those who use it.
std::shared_ptr<Loop> sharedLoop(const Kind& kind,
                                 const std::shared_ptr<const PluginConfig>& config,
                                 base::ServiceMap& services);

}  // namespace weir::plugin
