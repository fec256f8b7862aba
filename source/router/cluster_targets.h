#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "source/router/route_table.h"

namespace weir::router {

// What a client is known by, so that it keeps its cluster.
struct StickyWeights {
  enum class Kind : uint8_t { kOwnCookie, kHeader, kCookie, kSourceAddress };
  Kind kind = Kind::kSourceAddress;
  std::string name = {};  // of header (lower case) or cookie
  // What stands behind the value of our own cookie, but for Secure: "; Path=/; HttpOnly".
  std::string attributes = {};
  std::optional<bool> secure = {};  // of our own cookie; nothing: as the request came
};

// What chooses a cluster for each request of a route. Immutable.
struct ClusterTargets {
  struct Weighted {
    std::string cluster;
    uint32_t weight = 0;
    std::vector<std::pair<std::string, std::string>> metadata_match = {};  // sorted by key
    // The route's, for this cluster, and a hash of its name; RouteTable::compile makes them.
    ClusterAction action = {};
    uint64_t hash = 0;
  };
  std::vector<Weighted> weighted = {};  // empty: `header` names the cluster
  std::optional<StickyWeights> sticky = {};
  uint64_t salt = 0;  // of the route; RouteTable::compile gives it

  std::string header = {};  // lower case
  bool remove_header = false;
  uint16_t not_found_status = 503;
};

}  // namespace weir::router
