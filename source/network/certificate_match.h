#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "source/network/transport_socket.h"

namespace weir::network {

// A host name, or ".suffix" of a wildcard, in lower case. Value.
struct NamePattern {
  std::string text;
  bool wildcard = false;

  // "shop.example", or "*.shop.example" for any name below it.
  static absl::StatusOr<NamePattern> parse(std::string_view text);
  bool matches(std::string_view name) const;  // of a `name` in any case
};

// A text, or what it begins with. Value.
struct TextPattern {
  std::string text;
  bool prefix = false;

  // "spiffe://example.com/web", or with "*" at its end for all that begins so.
  static absl::StatusOr<TextPattern> parse(std::string_view text);
  bool matches(std::string_view value) const {
    return prefix ? value.starts_with(text) : value == text;
  }
};

// 64 hexadecimal digits, colons allowed; lower-case hex without them comes back.
absl::StatusOr<std::string> parseFingerprint(std::string_view text);

// Conditions on a certificate: of each list one entry, unless it is empty. Value.
struct CertificateMatch {
  std::vector<TextPattern> uris = {};
  std::vector<NamePattern> dns_names = {};
  std::vector<std::string> sha256 = {};  // lower-case hex
  std::vector<std::string> subjects = {};
  bool matches(const CertificateFacts& certificate) const;
};

}  // namespace weir::network
