#include "extensions/transport_sockets/common/peer_policy.h"

#include <arpa/inet.h>
#include <openssl/base64.h>

#include <algorithm>

#include "source/base/ascii.h"
#include "source/base/concat.h"

namespace weir::extensions::transport_sockets {
namespace {

using Type = SanMatcher::Type;
using Match = SanMatcher::Match;

std::string_view typeName(Type type) {
  switch (type) {
    case Type::kDns:
      return "dns name";
    case Type::kUri:
      return "uri";
    case Type::kEmail:
      return "email";
    case Type::kIp:
      return "ip address";
  }
  return "";
}

absl::Status wrong(std::string_view what, std::string_view right) {
  return absl::InvalidArgumentError(base::concat(what, "; ", right));
}

bool allowed(Type type, Match match) {
  switch (match) {
    case Match::kExact:
      return true;
    case Match::kPrefix:
      return type == Type::kUri;
    case Match::kSuffix:
      return type == Type::kDns || type == Type::kEmail;
    case Match::kWildcard:
      return type == Type::kDns;
  }
  return false;
}

// The form that subjectAltNames() writes.
std::string normalIp(const std::string& text) {
  char bytes[16];
  char normal[INET6_ADDRSTRLEN];
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, text.c_str(), bytes) != 1) continue;
    return inet_ntop(family, bytes, normal, sizeof normal) != nullptr ? normal : "";
  }
  return {};
}

absl::Status checkValue(Type type, Match match, std::string_view value) {
  if (value.empty()) return wrong("an empty name", "write the name that the peer has");
  const bool plain =
      std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!plain) return wrong("a name with spaces or other characters", "use printable ASCII");
  if (!allowed(type, match)) {
    return wrong(base::concat("this kind of comparison is not for a ", typeName(type)),
                 "use exact, prefix for a uri, suffix for a dns name or email");
  }
  if (match == Match::kWildcard && (!value.starts_with("*.") || value.size() < 3 ||
                                    value.find('*', 1) != std::string_view::npos)) {
    return wrong(base::concat("the wildcard ", value), "write *.example.com");
  }
  if (match == Match::kSuffix && type == Type::kDns && !value.starts_with('.')) {
    return wrong(base::concat("the suffix ", value, " could end in the middle of a label"),
                 base::concat("write .", value));
  }
  if (match == Match::kSuffix && type == Type::kEmail && !value.starts_with('@')) {
    return wrong(base::concat("the suffix ", value, " could end in the middle of a name"),
                 base::concat("write @", value));
  }
  return absl::OkStatus();
}

// The wildcard stands for one whole label, the first (RFC 6125, 6.4.3).
bool wildcardMatches(std::string_view rule, std::string_view name) {
  if (rule == name) return true;
  const size_t dot = name.find('.');
  return dot != std::string_view::npos && dot > 0 && name.substr(dot) == rule.substr(1);
}

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = base::toLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string joined(const std::vector<std::string>& names, std::string_view kind) {
  std::string text;
  for (const std::string& name : names) text += base::concat(text.empty() ? "" : ", ", kind, name);
  return text;
}

// What the certificate has, for the message; cut so that a peer cannot fill the log.
std::string allNames(const SubjectAltNames& names) {
  constexpr size_t kMost = 300;
  std::string text;
  for (const std::string& part : {joined(names.dns, "dns "), joined(names.uris, "uri "),
                                  joined(names.emails, "email "), joined(names.ips, "ip ")}) {
    if (!part.empty()) text += base::concat(text.empty() ? "" : ", ", part);
  }
  if (text.size() > kMost) text = text.substr(0, kMost) + "…";
  return text.empty() ? "no names" : text;
}

bool contains(const std::vector<Sha256>& list, const Sha256& hash) {
  return std::find(list.begin(), list.end(), hash) != list.end();
}

}  // namespace

absl::StatusOr<SanMatcher> SanMatcher::create(Type type, Match match, std::string_view value) {
  if (auto status = checkValue(type, match, value); !status.ok()) return status;
  std::string text(value);
  if (type == Type::kDns) text = base::lowered(text);
  if (type == Type::kIp) {
    text = normalIp(text);
    if (text.empty()) return wrong(base::concat(value, " is no IP address"), "write 10.0.0.1");
  }
  return SanMatcher(type, match, std::move(text));
}

bool SanMatcher::matchesOne(std::string_view name) const {
  switch (match_) {
    case Match::kExact:
      return name == value_ ||
             (type_ == Type::kDns && name.starts_with("*.") && wildcardMatches(name, value_));
    case Match::kPrefix:
      return name.starts_with(value_);
    case Match::kSuffix:
      // A wildcard is no name below the suffix.
      return name.size() > value_.size() && name.ends_with(value_);
    case Match::kWildcard:
      return wildcardMatches(value_, name);
  }
  return false;
}

bool SanMatcher::matches(const SubjectAltNames& names) const {
  const auto any = [this](const std::vector<std::string>& list) {
    return std::any_of(list.begin(), list.end(),
                       [this](const std::string& name) { return matchesOne(name); });
  };
  switch (type_) {
    case Type::kDns:
      return any(names.dns);
    case Type::kUri:
      return any(names.uris);
    case Type::kEmail:
      return any(names.emails);
    case Type::kIp:
      return any(names.ips);
  }
  return false;
}

std::string SanMatcher::describe() const {
  std::string_view how;
  if (match_ == Match::kPrefix) how = " beginning with";
  if (match_ == Match::kSuffix) how = " ending in";
  return base::concat(typeName(type_), how, ' ', value_);
}

absl::StatusOr<Sha256> parseCertificateHash(std::string_view text) {
  const auto refuse = [] {
    return wrong("is no SHA-256 hash in hex",
                 "write what openssl x509 -noout -fingerprint -sha256 prints");
  };
  Sha256 hash;
  size_t digits = 0;
  const bool colons = text.size() == hash.size() * 3 - 1;
  if (!colons && text.size() != hash.size() * 2) return refuse();
  for (size_t i = 0; i < text.size(); ++i) {
    if (colons && i % 3 == 2) {
      if (text[i] != ':') return refuse();
      continue;
    }
    const int value = hexValue(text[i]);
    if (value < 0) return refuse();
    uint8_t& byte = hash[digits / 2];
    byte = static_cast<uint8_t>(digits % 2 == 0 ? value << 4 : byte | value);
    ++digits;
  }
  return hash;
}

absl::StatusOr<Sha256> parsePublicKeyHash(std::string_view text) {
  uint8_t bytes[48];
  size_t size = 0;
  if (text.size() != 44 ||
      EVP_DecodeBase64(bytes, &size, sizeof bytes, reinterpret_cast<const uint8_t*>(text.data()),
                       text.size()) != 1 ||
      size != std::tuple_size<Sha256>::value) {
    return wrong("is no SHA-256 hash of a public key in base64",
                 "write the 44 characters of openssl pkey -pubin -outform der | openssl dgst "
                 "-sha256 -binary | openssl base64");
  }
  Sha256 hash;
  std::copy_n(bytes, hash.size(), hash.begin());
  return hash;
}

absl::Status PeerPolicy::check(const X509& leaf) const {
  const ErrorQueueScope errors;
  if (pins()) {
    const bool pinned = contains(certificate_hashes, certificateHash(leaf)) ||
                        contains(public_key_hashes, publicKeyHash(leaf));
    if (!pinned) {
      return absl::PermissionDeniedError(
          base::concat("the certificate ", subjectText(leaf), " with sha256 ",
                       hexText(certificateHash(leaf)), " is not one of those that are allowed"));
    }
  }
  if (names.empty()) return absl::OkStatus();
  const SubjectAltNames present = subjectAltNames(leaf);
  for (const SanMatcher& matcher : names) {
    if (matcher.matches(present)) return absl::OkStatus();
  }
  return absl::PermissionDeniedError(
      base::concat("the certificate ", subjectText(leaf), " has ", allNames(present),
                   "; allowed is ", names.front().describe(),
                   names.size() > 1 ? base::concat(" or one of ", names.size() - 1, " more") : ""));
}

}  // namespace weir::extensions::transport_sockets
