#pragma once

#include <set>
#include <span>

#include "source/config/compiler.h"

namespace weir::config {

// Reports what is wrong with the order of `filters`, which are the field http_filters of the
// message at `at`: two of one name, and what their FilterOrder says. `routed`: positions of filters
// of which some route or virtual host says something, so that they do not meet every request.
void checkFilterOrder(std::span<const Compiler::HttpFilter> filters,
                      const std::set<uint32_t>& routed, const Cursor& at);

}  // namespace weir::config
