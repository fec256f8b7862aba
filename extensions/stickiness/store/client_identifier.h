#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "source/http/header_map.h"
#include "source/upstream/hash_policy.h"
#include "source/upstream/load_balancer.h"

namespace weir::extensions::stickiness::store {

// What a client is known by on all nodes, as text: the first of a list of keys that a request or
// connection has. What is there but empty counts as not there. Immutable.
class ClientIdentifier {
 public:
  // Texts of at most so many bytes are taken as they are, of longer ones a hash.
  static constexpr size_t kMostBytes = 64;
  using Room = std::array<char, kMostBytes>;

  explicit ClientIdentifier(std::vector<upstream::HashKey> keys);
  // Good as long as `room` and the request are; nothing when the client has none of the keys.
  std::optional<std::string_view> find(const upstream::PickContext& context, Room& room) const;
  // What the client will be known by from now on, when an answer tells it: the value of a cookie
  // that is set, or of a header, that is one of the keys.
  std::optional<std::string_view> learn(const http::HeaderMap& answer, Room& room) const;
  // Connections without HTTP may have one of the keys.
  bool servesConnections() const;

 private:
  std::vector<upstream::HashKey> keys_;
};

}  // namespace weir::extensions::stickiness::store
