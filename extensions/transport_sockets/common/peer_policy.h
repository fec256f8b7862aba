#pragma once

#include <openssl/x509.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "extensions/transport_sockets/common/x509_text.h"

namespace weir::extensions::transport_sockets {

// One rule for a subjectAltName of the peer. Immutable.
class SanMatcher {
 public:
  enum class Type : uint8_t { kDns, kUri, kEmail, kIp };
  enum class Match : uint8_t {
    kExact,   // kDns: a wildcard of the certificate covers its names too
    kPrefix,  // kUri ("spiffe://prod.example/")
    kSuffix,  // kDns (".example.com": any depth), kEmail ("@example.com")
    // kDns ("*.example.com"): any name with one label before that, and the wildcard itself.
    kWildcard,
  };
  // Errors read "what; what would be right".
  static absl::StatusOr<SanMatcher> create(Type type, Match match, std::string_view value);

  bool matches(const SubjectAltNames& names) const;
  // "dns name *.example.com", for messages.
  std::string describe() const;

 private:
  SanMatcher(Type type, Match match, std::string value)
      : type_(type), match_(match), value_(std::move(value)) {}
  bool matchesOne(std::string_view name) const;

  Type type_;
  Match match_;
  std::string value_;  // DNS in lower case, IP in its normal form
};

// SHA-256 of a certificate: 64 hex digits, with or without colons (as openssl prints it).
absl::StatusOr<Sha256> parseCertificateHash(std::string_view text);
// SHA-256 of a public key (SubjectPublicKeyInfo): base64, 44 characters (as HPKP pins were).
absl::StatusOr<Sha256> parsePublicKeyHash(std::string_view text);

// Who the peer may be, besides being trusted. Value; Immutable once configured.
struct PeerPolicy {
  // One of them must match, when there are any.
  std::vector<SanMatcher> names;
  // One of both lists must match, when there are any.
  std::vector<Sha256> certificate_hashes;
  std::vector<Sha256> public_key_hashes;

  bool empty() const {
    return names.empty() && certificate_hashes.empty() && public_key_hashes.empty();
  }
  bool pins() const { return !certificate_hashes.empty() || !public_key_hashes.empty(); }
  // PermissionDenied says which rule failed and what the certificate has.
  absl::Status check(const X509& leaf) const;
};

}  // namespace weir::extensions::transport_sockets
