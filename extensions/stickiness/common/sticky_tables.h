#pragma once

#include <memory>
#include <string_view>

#include "source/upstream/stickiness.h"
#include "source/upstream/sticky_table.h"

namespace weir::extensions::stickiness {

// The table of a cluster: that of other workers, or of the configuration before, when `identity`
// (the kind, and what clients are known by) is the same; `limits` apply from now on.
std::shared_ptr<upstream::StickyTable> stickyTable(const upstream::StickinessContext& context,
                                                   std::string_view identity,
                                                   const upstream::StickyLimits& limits);

}  // namespace weir::extensions::stickiness
