#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "source/upstream/stickiness.h"
#include "source/upstream/sticky_table.h"

namespace weir::extensions::stickiness::header {

struct Options {
  std::string request_header;
  std::string response_header;
  size_t most_bytes = 256;
  bool from_requests = false;
  upstream::StickyLimits limits = {};
};

// Clients are known by an id in a header.
std::shared_ptr<const upstream::StickinessFactory> makeFactory(const Options& options);

}  // namespace weir::extensions::stickiness::header
