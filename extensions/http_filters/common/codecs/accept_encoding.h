#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "extensions/http_filters/common/codecs/codec.h"
#include "source/http/header_map.h"

namespace weir::extensions::http_filters::common::codecs {

// What a client says of content codings (RFC 9110 12.5.3). Value.
class AcceptEncoding {
 public:
  // All Accept-Encoding fields together. Members that are malformed count as not there. Without any
  // field nothing but identity is wanted: a client that says nothing may not expect more.
  static AcceptEncoding parse(const http::HeaderMap& headers);

  // In thousandths; 0: not acceptable.
  int weight(Coding coding) const;
  int identityWeight() const;
  bool identityAcceptable() const { return identityWeight() > 0; }
  // The one of `offered` with the largest weight, of equal ones the first; nothing when identity is
  // better or none is acceptable.
  std::optional<Coding> choose(std::span<const Coding> offered) const;

 private:
  static constexpr int kUnsaid = -1;
  void add(std::string_view member);

  std::array<int, kCodings> weights_ = {kUnsaid, kUnsaid, kUnsaid, kUnsaid};
  int identity_ = kUnsaid;
  int any_ = kUnsaid;
};

// "0.5" in thousandths; nothing when it is no weight (RFC 9110 12.4.2).
std::optional<int> parseWeight(std::string_view text);

// Adds a member to Vary unless it, or "*", stands there.
void addVary(http::HeaderMap& headers, std::string_view name);

// A strong ETag becomes a weak one: the bytes are others now, the content is the same.
void weakenETag(http::HeaderMap& headers);

}  // namespace weir::extensions::http_filters::common::codecs
