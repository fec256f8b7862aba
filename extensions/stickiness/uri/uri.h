#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "source/upstream/stickiness.h"
#include "source/upstream/sticky_table.h"

namespace weir::extensions::stickiness::uri {

struct Options {
  uint32_t segments = 0;       // of the path; 0: all of it
  std::string parameter = {};  // of the query, instead of the path; empty: none
  upstream::StickyLimits limits = {};
};

// The first segments of a path without its query, with the "/" in front: of "/a/b", 1 is "/a"; 0:
// all.
std::string_view leadingSegments(std::string_view path, uint32_t segments);

// Requests for the same thing stay together.
std::shared_ptr<const upstream::StickinessFactory> makeFactory(const Options& options);

}  // namespace weir::extensions::stickiness::uri
