#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "extensions/transport_sockets/common/x509_text.h"
#include "source/event/dispatcher.h"

namespace weir::extensions::transport_sockets {

// Where trust is read from; absolute paths. Value.
struct TrustFiles {
  std::vector<std::string> ca_files = {};  // PEM
  bool system = false;                     // the system's store as well
  // PEM or DER. With any, each issuer on the way to the root needs a list that has not ended.
  std::vector<std::string> crl_files = {};
  bool crl_for_leaf_only = false;  // only the issuer of the leaf needs one
  int max_depth = 8;               // certificates above the leaf

  bool operator==(const TrustFiles&) const = default;
};
// Which of the files a problem is in; `index` into ca_files or crl_files.
struct TrustBlame {
  enum class Kind : uint8_t { kCa, kCrl, kSystem } kind = Kind::kCa;
  size_t index = 0;
};

// Whom we verify.
enum class PeerRole : uint8_t { kServer, kClient };

// One verification. Value.
struct PeerCheck {
  PeerRole role = PeerRole::kServer;
  // DNS name or IP address that the leaf must have in its subjectAltName; empty: not compared.
  std::string_view host;
  event::SystemTime now;
};

// Certificate authorities and revocation lists. Each certificate of its files is trusted by itself,
// whether its own issuer is there or not. Immutable; verify() may run on all threads at once.
class TrustStore {
 public:
  // Errors read "path: what; what would be right".
  static absl::StatusOr<std::shared_ptr<const TrustStore>> load(const TrustFiles& files,
                                                                event::SystemTime now,
                                                                TrustBlame* blame = nullptr);

  // `chain`: leaf first, as the peer sent it. Unauthenticated says why and at which depth (0 is the
  // leaf): "certificate has expired at depth 0 (CN=old)".
  absl::Status verify(std::span<X509* const> chain, const PeerCheck& check) const;
  // Only the dates of a leaf that is trusted by its hash.
  static absl::Status verifyDates(const X509& leaf, event::SystemTime now);

  // Names of the authorities, for a CertificateRequest; those of the system's store are too many.
  const STACK_OF(X509_NAME) * authorityNames() const { return names_.get(); }
  // Changes when anything in it changes: the session id context, so that what an older store has
  // accepted is not resumed.
  const Sha256& fingerprint() const { return fingerprint_; }
  size_t authorityCount() const { return authorities_.size(); }
  // When the first revocation list ends.
  std::optional<event::SystemTime> crlNextUpdate() const { return crl_next_update_; }
  // When the last of the authorities in ca_files ends.
  std::optional<event::SystemTime> notAfter() const { return not_after_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  TrustStore() = default;
  absl::Status addSource(const std::string& path, bool system, event::SystemTime now);
  absl::Status addCrls(const std::string& path, event::SystemTime now);
  absl::Status checkCrl(const std::string& path, X509_CRL& crl, event::SystemTime now);
  absl::Status finish(const TrustFiles& files);
  void listName(const X509& authority);
  void digest(const Sha256& hash);

  bssl::UniquePtr<X509_STORE> store_;
  bssl::UniquePtr<STACK_OF(X509_NAME)> names_;
  std::vector<bssl::UniquePtr<X509>> authorities_;
  Sha256 fingerprint_{};  // of all that was added, in order
  size_t crls_ = 0;
  std::optional<event::SystemTime> crl_next_update_;
  std::optional<event::SystemTime> not_after_;
  std::vector<std::string> warnings_;
};

// The first of the usual places that is there; "" when none is.
std::string systemTrustFile();

}  // namespace weir::extensions::transport_sockets
