#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/http/message.h"
#include "source/http/route.h"
#include "source/http/stream_info.h"

namespace weir::extensions::http_filters {

// One thing of a request that decides with which others it is counted. Value; part of the
// configuration.
struct RequestKeyPart {
  enum class Kind : uint8_t {
    kClientAddress,
    kDirectAddress,
    kHeader,
    kCookie,
    kQueryParameter,
    kPath,
    kMethod,
    kHost,
    kRoute,
    kVirtualHost,
    kMetadata,
    kTlsIdentity,
    kText,
  };
  Kind kind = Kind::kText;
  std::string name = {};   // of header (lower case), cookie, parameter, namespace; or the text
  std::string field = {};  // of kMetadata
  uint32_t segments = 0;   // of kPath; 0: all
  uint8_t ipv4_bits = 32;
  uint8_t ipv6_bits = 64;
};

// What a key is made of.
struct KeyedRequest {
  const http::RequestHead& head;
  const http::StreamInfo& info;
  const http::Route* route = nullptr;  // null: none, or nobody has asked
};

// Turns requests into short texts: two requests have the same one when all parts are the same.
// A text is printable ASCII without braces and blanks, so that it can be (a part of) a key in
// Redis. Immutable.
class RequestKey {
 public:
  static constexpr size_t kMaxParts = 8;
  // Of one part, in the text; what is longer counts by its hash.
  static constexpr size_t kMaxPartBytes = 64;
  static constexpr size_t kMaxBytes = kMaxParts * (kMaxPartBytes + 1);
  using Room = std::array<char, kMaxBytes>;

  RequestKey() = default;
  // `limit_missing`: what lacks a part is counted with what lacks it, too; else it has no key.
  explicit RequestKey(std::vector<RequestKeyPart> parts, bool limit_missing = true);

  // In `room`; nothing: the request is not counted. Allocates nothing.
  std::optional<std::string_view> build(const KeyedRequest& request, Room& room) const;
  // All requests have the same one.
  bool constant() const { return parts_.empty(); }
  // It depends on the route, which has to be known before.
  bool needsRoute() const { return needs_route_; }

 private:
  std::vector<RequestKeyPart> parts_;
  bool limit_missing_ = true;
  bool needs_route_ = false;
};

}  // namespace weir::extensions::http_filters
