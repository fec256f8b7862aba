#include "extensions/transport_sockets/common/trust.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"

#include "extensions/transport_sockets/common/certificate_pair.h"
#include "extensions/transport_sockets/common/pem.h"
#include "extensions/transport_sockets/common/secret_bytes.h"
#include "source/base/concat.h"

namespace weir::extensions::transport_sockets {
namespace {

// Peers may send long chains to make us work.
constexpr size_t kMaxPeerChain = 16;
constexpr unsigned kLeastRsaBits = 2048;
// Clocks of authorities and servers differ.
constexpr std::chrono::minutes kSkew{5};

absl::Status wrong(const std::string& path, std::string_view what, std::string_view right) {
  return absl::InvalidArgumentError(base::concat(path, ": ", what, "; ", right));
}

absl::Status refused(std::string_view why, int depth, const X509* certificate) {
  return absl::UnauthenticatedError(base::concat(
      why, " at depth ", depth, " (",
      certificate == nullptr ? std::string("unknown") : subjectText(*certificate), ")"));
}

bool isIp(const std::string& host) {
  char bytes[16];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

bool expectHost(X509_VERIFY_PARAM* param, std::string_view host) {
  std::string name(host);
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  if (name.ends_with('.')) name.pop_back();
  if (isIp(name)) return X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return X509_VERIFY_PARAM_set1_host(param, name.data(), name.size()) == 1;
}

// What OpenSSL calls a security level, which BoringSSL leaves to us. The anchor at the end of the
// chain is trusted as it is.
absl::Status checkStrength(const STACK_OF(X509) * chain) {
  const size_t count = sk_X509_num(chain);
  for (size_t i = 0; i + 1 < count; ++i) {
    const X509* certificate = sk_X509_value(chain, i);
    if (!weaklySigned(*certificate)) continue;
    return refused("certificate is signed with SHA-1 or MD5", static_cast<int>(i), certificate);
  }
  X509* leaf = sk_X509_value(chain, 0);
  bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(leaf));
  // Asking another kind of key for RSA would leave an error behind, which the handshake that goes
  // on would take for its own.
  const bool is_rsa = key != nullptr && EVP_PKEY_id(key.get()) == EVP_PKEY_RSA;
  const RSA* rsa = is_rsa ? EVP_PKEY_get0_RSA(key.get()) : nullptr;
  if (rsa != nullptr && RSA_bits(rsa) < kLeastRsaBits) {
    return refused(base::concat("certificate has an RSA key of ", RSA_bits(rsa), " bits"), 0, leaf);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<bssl::UniquePtr<X509_CRL>>> parseCrls(const std::string& path,
                                                                 const SecretBytes& bytes) {
  std::vector<bssl::UniquePtr<X509_CRL>> crls;
  const auto add = [&crls](std::span<const uint8_t> der) {
    const uint8_t* at = der.data();
    bssl::UniquePtr<X509_CRL> crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
    if (crl == nullptr || at != der.data() + der.size()) return false;
    crls.push_back(std::move(crl));
    return true;
  };
  const auto unreadable = [&path](std::string_view which) {
    return wrong(path, base::concat("the revocation list", which, " cannot be read"),
                 "give a CRL in PEM or DER");
  };
  if (bytes.data()[0] == 0x30) {
    if (!add(bytes.span())) return unreadable("");
    return crls;
  }
  auto blocks = parsePem(bytes.view());
  if (!blocks.ok()) {
    return absl::InvalidArgumentError(base::concat(path, ": ", blocks.status().message()));
  }
  for (const PemBlock& block : *blocks) {
    if (block.label != "X509 CRL") continue;
    if (!add(block.der.span())) return unreadable(base::concat(" at line ", block.line));
  }
  if (crls.empty()) {
    return wrong(path, "has no revocation list", "give a file with -----BEGIN X509 CRL-----");
  }
  return crls;
}

Sha256 crlHash(const X509_CRL& crl) {
  Sha256 hash{};
  unsigned size = 0;
  X509_CRL_digest(&crl, EVP_sha256(), hash.data(), &size);
  return hash;
}

bool signedBy(X509_CRL& crl, X509& authority) {
  bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(&authority));
  const bool verified = key != nullptr && X509_CRL_verify(&crl, key.get()) == 1;
  return verified;
}

}  // namespace

std::string systemTrustFile() {
  for (const char* path :
       {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/ca-bundle.pem",
        "/etc/pki/tls/cacert.pem", "/etc/ssl/cert.pem"}) {
    if (::access(path, R_OK) == 0) return path;
  }
  return {};
}

absl::StatusOr<std::shared_ptr<const TrustStore>> TrustStore::load(const TrustFiles& files,
                                                                   event::SystemTime now,
                                                                   TrustBlame* blame) {
  const ErrorQueueScope errors;
  TrustBlame ignored;
  TrustBlame& at = blame != nullptr ? *blame : ignored;
  std::shared_ptr<TrustStore> trust(new TrustStore());
  trust->store_.reset(X509_STORE_new());
  trust->names_.reset(sk_X509_NAME_new_null());
  if (trust->store_ == nullptr || trust->names_ == nullptr) {
    return absl::ResourceExhaustedError("no memory for a trust store");
  }
  for (at = {TrustBlame::Kind::kCa, 0}; at.index < files.ca_files.size(); ++at.index) {
    auto status = trust->addSource(files.ca_files[at.index], false, now);
    if (!status.ok()) return status;
  }
  if (files.system) {
    at = {TrustBlame::Kind::kSystem, 0};
    auto status = trust->addSource(systemTrustFile(), true, now);
    if (!status.ok()) return status;
  }
  for (at = {TrustBlame::Kind::kCrl, 0}; at.index < files.crl_files.size(); ++at.index) {
    auto status = trust->addCrls(files.crl_files[at.index], now);
    if (!status.ok()) return status;
  }
  at = {TrustBlame::Kind::kCa, 0};
  if (auto status = trust->finish(files); !status.ok()) return status;
  return std::shared_ptr<const TrustStore>(std::move(trust));
}

absl::Status TrustStore::addSource(const std::string& path, bool system, event::SystemTime now) {
  if (path.empty()) {
    return absl::NotFoundError(
        "the system has no trust store; install the package ca-certificates, or name a file");
  }
  auto bytes = readFile(path, kMaxBundleFileBytes);
  if (!bytes.ok()) return bytes.status();
  auto certificates = parseCertificates(path, bytes->view());
  if (!certificates.ok()) return certificates.status();
  size_t usable = 0;
  for (auto& certificate : *certificates) {
    const auto end = systemTime(X509_get0_notAfter(certificate.get()));
    if (!end || *end < now) {
      if (!system) {
        warnings_.push_back(
            base::concat(path, ": ", subjectText(*certificate), " has expired; remove it"));
      }
      continue;
    }
    ++usable;
    if (!system) {
      not_after_ = std::max(not_after_.value_or(*end), *end);
      listName(*certificate);
    }
    X509_STORE_add_cert(store_.get(), certificate.get());
    digest(certificateHash(*certificate));
    authorities_.push_back(std::move(certificate));
  }
  if (usable == 0) {
    return wrong(path, "all its certificates have expired", "give those that are in force");
  }
  return absl::OkStatus();
}

absl::Status TrustStore::addCrls(const std::string& path, event::SystemTime now) {
  auto bytes = readFile(path, kMaxCrlFileBytes);
  if (!bytes.ok()) return bytes.status();
  auto crls = parseCrls(path, *bytes);
  if (!crls.ok()) return crls.status();
  for (const auto& crl : *crls) {
    if (auto status = checkCrl(path, *crl, now); !status.ok()) return status;
    X509_STORE_add_crl(store_.get(), crl.get());
    digest(crlHash(*crl));
    ++crls_;
  }
  return absl::OkStatus();
}

absl::Status TrustStore::checkCrl(const std::string& path, X509_CRL& crl, event::SystemTime now) {
  const std::string issuer = nameText(X509_CRL_get_issuer(&crl));
  const auto begin = systemTime(X509_CRL_get0_lastUpdate(&crl));
  const auto end = systemTime(X509_CRL_get0_nextUpdate(&crl));
  if (!begin || *begin > now + kSkew) {
    return wrong(path, base::concat("the revocation list of ", issuer, " is not yet valid"),
                 "look at the clock of this machine");
  }
  if (end && *end < now) {
    return wrong(path,
                 base::concat("the revocation list of ", issuer, " has ended on ", timeText(*end)),
                 "fetch the one in force");
  }
  if (end) crl_next_update_ = std::min(crl_next_update_.value_or(*end), *end);
  bool named = false;
  for (const auto& authority : authorities_) {
    if (X509_NAME_cmp(X509_get_subject_name(authority.get()), X509_CRL_get_issuer(&crl)) != 0) {
      continue;
    }
    named = true;
    if (signedBy(crl, *authority)) return absl::OkStatus();
  }
  if (named) {
    return wrong(path, base::concat("the revocation list of ", issuer, " has a wrong signature"),
                 "fetch it again from that authority");
  }
  warnings_.push_back(base::concat(
      path, ": the revocation list of ", issuer,
      " is from none of the authorities; it counts only for an intermediate that peers send"));
  return absl::OkStatus();
}

absl::Status TrustStore::finish(const TrustFiles& files) {
  if (authorities_.empty()) {
    return absl::InvalidArgumentError(
        "no certificate authority; name a file or the system's store");
  }
  unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST;
  if (crls_ > 0) {
    flags |= X509_V_FLAG_CRL_CHECK;
    if (!files.crl_for_leaf_only) flags |= X509_V_FLAG_CRL_CHECK_ALL;
  }
  X509_STORE_set_flags(store_.get(), flags);
  X509_STORE_set_depth(store_.get(), files.max_depth);
  Sha256 settings{};
  settings[0] = static_cast<uint8_t>(flags >> 2 & 3);  // the two about revocation lists
  settings[1] = static_cast<uint8_t>(files.max_depth);
  digest(settings);
  return absl::OkStatus();
}

void TrustStore::listName(const X509& authority) {
  bssl::UniquePtr<X509_NAME> name(X509_NAME_dup(X509_get_subject_name(&authority)));
  if (name != nullptr) bssl::PushToStack(names_.get(), std::move(name));
}

void TrustStore::digest(const Sha256& hash) {
  std::array<uint8_t, 2 * SHA256_DIGEST_LENGTH> both;
  std::copy(fingerprint_.begin(), fingerprint_.end(), both.begin());
  std::copy(hash.begin(), hash.end(), both.begin() + SHA256_DIGEST_LENGTH);
  fingerprint_ = sha256(both);
}

absl::Status TrustStore::verify(std::span<X509* const> chain, const PeerCheck& check) const {
  const ErrorQueueScope errors;
  if (chain.empty()) return absl::UnauthenticatedError("the peer sent no certificate");
  if (chain.size() > kMaxPeerChain) {
    return absl::UnauthenticatedError(
        base::concat("the peer sent a chain of ", chain.size(), " certificates"));
  }
  bssl::UniquePtr<STACK_OF(X509)> others(sk_X509_new_null());
  for (X509* certificate : chain.subspan(1)) {
    if (!bssl::PushToStack(others.get(), bssl::UpRef(certificate))) {
      return absl::ResourceExhaustedError("no memory to verify a certificate");
    }
  }
  bssl::UniquePtr<X509_STORE_CTX> context(X509_STORE_CTX_new());
  if (context == nullptr ||
      X509_STORE_CTX_init(context.get(), store_.get(), chain.front(), others.get()) != 1 ||
      X509_STORE_CTX_set_default(
          context.get(), check.role == PeerRole::kServer ? "ssl_server" : "ssl_client") != 1) {
    return absl::ResourceExhaustedError("no memory to verify a certificate");
  }
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(param, std::chrono::system_clock::to_time_t(check.now));
  if (!check.host.empty() && !expectHost(param, check.host)) {
    return absl::UnauthenticatedError(base::concat("cannot compare with the name ", check.host));
  }
  if (X509_verify_cert(context.get()) != 1) {
    const int error = X509_STORE_CTX_get_error(context.get());
    const int depth = X509_STORE_CTX_get_error_depth(context.get());
    return refused(X509_verify_cert_error_string(error), depth,
                   X509_STORE_CTX_get_current_cert(context.get()));
  }
  return checkStrength(X509_STORE_CTX_get_chain(context.get()));
}

absl::Status TrustStore::verifyDates(const X509& leaf, event::SystemTime now) {
  const auto begin = systemTime(X509_get0_notBefore(&leaf));
  const auto end = systemTime(X509_get0_notAfter(&leaf));
  if (!begin || now < *begin) return refused("certificate is not yet valid", 0, &leaf);
  if (!end || now > *end) return refused("certificate has expired", 0, &leaf);
  return absl::OkStatus();
}

}  // namespace weir::extensions::transport_sockets
