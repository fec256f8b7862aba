#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "source/base/string_map.h"
#include "source/http/header_map.h"
#include "source/http/message.h"
#include "source/http/stream_info.h"
#include "source/router/route_table.h"

namespace weir::router {

// Finds the first of many routes of one path whose conditions hold. A route that asks for an exact
// value (methods, server names, headers, query parameters, cookies) stands where that value leads
// by hash: of several values under the one that fewest routes ask for, and where many share it,
// under a further one, and so on. What remains linear: routes that ask for no exact value, those
// that have all their exact values in common, and the different names that values are asked of.
// Each request may go through all of these, so there are at most kMaxLinear in one place.
// Immutable.
class ConditionIndex {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};
  static constexpr size_t kMaxLinear = 1024;

  // `members`: positions in `routes`, ascending. Those behind one without conditions are left out.
  // The error says what to do.
  static absl::StatusOr<ConditionIndex> build(std::span<const RouteEntry> routes,
                                              std::span<const uint32_t> members);

  // The first member whose conditions hold, or `best`, when that is smaller or there is none. Does
  // not allocate. `routes` as in build().
  uint32_t find(std::span<const RouteEntry> routes, const http::RequestHead& head,
                const http::StreamInfo& info, uint32_t best) const;
  // The first member without conditions, or kNone.
  uint32_t unconditional() const { return unconditional_; }

 private:
  // What a value is asked of.
  struct Key {
    enum class Kind : uint8_t { kMethod, kServerName, kHeader, kQuery, kCookie };
    Kind kind = Kind::kMethod;
    std::string name = {};
    http::HeaderId id = http::HeaderId::kOther;
    bool operator==(const Key&) const = default;
  };
  // Values of one key, and the node that each leads to.
  struct Choice {
    uint32_t key = 0;
    uint32_t smallest = kNone;  // member behind any of them
    base::StringMap<uint32_t> nodes = {};
  };
  struct Node {
    std::vector<uint32_t> linear = {};  // members, ascending
    std::vector<Choice> choices = {};
  };
  // Values that are longer lead nowhere: who asks for such is linear.
  static constexpr size_t kMaxValueBytes = 256;
  struct Request;
  class Builder;

  ConditionIndex() = default;
  void search(const Node& node, const Request& request, uint32_t& best) const;

  std::vector<Key> keys_;
  std::vector<Node> nodes_;  // the root last
  uint32_t unconditional_ = kNone;
};

}  // namespace weir::router
