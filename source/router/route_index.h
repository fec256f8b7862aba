#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "source/http/message.h"
#include "source/http/stream_info.h"
#include "source/router/condition_index.h"
#include "source/router/path_index.h"
#include "source/router/route_table.h"

namespace weir::router {

// Finds the first route of one virtual host that matches a request. Routes with the same path match
// are one to the PathIndex; among them a ConditionIndex decides, where they have conditions.
// Immutable.
class RouteIndex {
 public:
  static constexpr uint32_t kNone = PathIndex::kNone;

  static absl::StatusOr<RouteIndex> build(std::span<const RouteEntry> routes);

  // `routes` as in build(), here and below. Position, or kNone. Does not allocate, but for what RE2
  // needs.
  uint32_t match(std::span<const RouteEntry> routes, std::string_view path,
                 const http::RequestHead& head, const http::StreamInfo& info) const;
  // The first without conditions.
  uint32_t match(std::string_view path) const;

 private:
  class ByRequest;
  class Unconditional;

  explicit RouteIndex(PathIndex paths) : paths_(std::move(paths)) {}

  PathIndex paths_;
  std::vector<ConditionIndex> conditions_;
  // By the first route of a path: among conditions_, kNone when that route has no condition. Empty
  // when no route has any.
  std::vector<uint32_t> group_of_;
};

}  // namespace weir::router
