#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "extensions/transport_sockets/common/secret_bytes.h"
#include "source/event/dispatcher.h"

namespace weir::extensions::transport_sockets {

// What a certificate signs a handshake with.
enum class KeyKind : uint8_t { kEcdsaP256, kEcdsaP384, kEcdsaP521, kEd25519, kRsa };
inline constexpr size_t kKeyKinds = 5;
std::string_view keyKindName(KeyKind kind);  // "ECDSA P-256", "RSA"

// Where a pair is read from; absolute paths. Value.
struct CertificateFiles {
  std::string certificate;  // PEM: the leaf, then what issued it, and so on; keys in it are skipped
  std::string key;          // PEM, not encrypted; may be the same file
  std::string ocsp;         // DER of an OCSP response; empty: nothing is stapled

  bool operator==(const CertificateFiles&) const = default;
};
// Which of the files a problem is in.
enum class CertificateFile : uint8_t { kCertificate, kKey };

// A certificate with its chain and private key, checked as a whole: it is there completely or not
// at all. Immutable.
class CertificatePair {
 public:
  // Errors read "path: what; what would be right". `blame` tells which file is wrong.
  static absl::StatusOr<std::shared_ptr<const CertificatePair>> load(
      const CertificateFiles& files, event::SystemTime now, CertificateFile* blame = nullptr);
  // The same from text; `files` only gives the names for messages.
  static absl::StatusOr<std::shared_ptr<const CertificatePair>> parse(
      const CertificateFiles& files, std::string_view certificate_pem, std::string_view key_pem,
      event::SystemTime now, CertificateFile* blame = nullptr);

  const CertificateFiles& files() const { return files_; }
  // Leaf first; what goes on the wire (SSL_set_chain_and_key). Never empty.
  std::span<CRYPTO_BUFFER* const> chain() const { return chain_view_; }
  X509& leaf() const { return *certificates_.front(); }
  // What issued the leaf, when the file has it.
  X509* issuer() const { return certificates_.size() < 2 ? nullptr : certificates_[1].get(); }
  EVP_PKEY* privateKey() const { return key_.get(); }
  KeyKind keyKind() const { return key_kind_; }
  // DNS names of the subjectAltName: lower case, "*.example.com" for a wildcard.
  const std::vector<std::string>& dnsNames() const { return dns_names_; }
  // SHA-256 of the leaf, lower case hex.
  const std::string& fingerprint() const { return fingerprint_; }
  event::SystemTime notBefore() const { return not_before_; }
  // When the first of the leaf and its intermediates ends.
  event::SystemTime notAfter() const { return not_after_; }
  // What is allowed but seldom meant: no subjectAltName, a root that need not be sent.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  CertificatePair() = default;
  absl::Status readChain(std::string_view pem);
  absl::Status readKey(std::string_view pem);
  absl::Status checkTimes(event::SystemTime now);
  absl::Status checkLeaf();
  absl::Status checkChain();
  absl::Status checkKeyMatches() const;
  std::string nameOf(size_t index) const;
  bool endsInRoot() const;

  CertificateFiles files_;
  std::vector<bssl::UniquePtr<X509>> certificates_;
  std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> chain_;
  std::vector<CRYPTO_BUFFER*> chain_view_;
  bssl::UniquePtr<EVP_PKEY> key_;
  KeyKind key_kind_ = KeyKind::kRsa;
  std::vector<std::string> dns_names_;
  std::string fingerprint_;
  event::SystemTime not_before_;
  event::SystemTime not_after_;
  std::vector<std::string> warnings_;
};

// The certificates of a PEM text, in order, other blocks skipped. `path` stands in front of errors.
// At least one, or an error.
absl::StatusOr<std::vector<bssl::UniquePtr<X509>>> parseCertificates(const std::string& path,
                                                                     std::string_view pem);
// One unencrypted private key (PKCS #8, PKCS #1 or SEC 1).
absl::StatusOr<bssl::UniquePtr<EVP_PKEY>> parsePrivateKey(const std::string& path,
                                                          std::string_view pem);
// The kind and strength of a public key: RSA of 2048 to 8192 bits, P-256, P-384, P-521, Ed25519.
absl::StatusOr<KeyKind> keyKindOf(EVP_PKEY& key);

}  // namespace weir::extensions::transport_sockets
