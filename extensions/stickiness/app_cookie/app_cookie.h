#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "source/upstream/stickiness.h"
#include "source/upstream/sticky_table.h"

namespace weir::extensions::stickiness::app_cookie {

struct Options {
  std::string name;
  size_t most_bytes = 256;
  bool from_requests = false;
  upstream::StickyLimits limits = {};
};

// Clients are known by a cookie of the application.
std::shared_ptr<const upstream::StickinessFactory> makeFactory(const Options& options);

}  // namespace weir::extensions::stickiness::app_cookie
