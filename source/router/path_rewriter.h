#pragma once

#include <string>
#include <string_view>

#include "source/base/arena.h"
#include "source/router/route_actions.h"

namespace weir::router {

// What `target`, with its query, becomes; in `arena`. Empty: it would not be a path that everybody
// reads in the same way (isUnambiguousPath). A target without a path ("*", or none) stays, as does
// one that does not begin with what a prefix is to replace. `routed`: the target that the route was
// found by, which captures are found in.
std::string_view rewriteTarget(const PathRewrite& rewrite, std::string_view target,
                               std::string_view routed, base::Arena& arena);

// `text`, with what the pattern matches replaced.
std::string replaced(const RegexRewrite& rewrite, std::string_view text);

// Begins with "/"; no query or fragment; only what may stand in a target; escapes are well-formed
// and none is NUL; no segment is "." or "..", however that is written; at most kMaxPathBytes.
bool isUnambiguousPath(std::string_view path);
inline constexpr size_t kMaxPathBytes = 8192;

}  // namespace weir::router
