#include "extensions/transport_sockets/common/certificate_pair.h"

#include <openssl/bytestring.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"

#include "extensions/transport_sockets/common/pem.h"
#include "extensions/transport_sockets/common/x509_text.h"
#include "source/base/concat.h"

namespace weir::extensions::transport_sockets {
namespace {

constexpr size_t kMaxChain = 10;
constexpr unsigned kLeastRsaBits = 2048;
constexpr unsigned kMostRsaBits = 8192;

absl::Status wrong(const std::string& path, std::string_view what, std::string_view right) {
  return absl::InvalidArgumentError(base::concat(path, ": ", what, "; ", right));
}

// In front of a message that already reads "what; right".
absl::Status inFile(const std::string& path, const absl::Status& status) {
  return absl::InvalidArgumentError(base::concat(path, ": ", status.message()));
}

absl::StatusOr<KeyKind> ecKindOf(const EC_KEY* key) {
  switch (EC_GROUP_get_curve_name(EC_KEY_get0_group(key))) {
    case NID_X9_62_prime256v1:
      return KeyKind::kEcdsaP256;
    case NID_secp384r1:
      return KeyKind::kEcdsaP384;
    case NID_secp521r1:
      return KeyKind::kEcdsaP521;
    default:
      return absl::InvalidArgumentError(
          "the key is on a curve that TLS clients do not take; use P-256");
  }
}

// Issued by it: name, key identifier, usage and signature.
bool issuedBy(X509& certificate, X509& issuer) {
  const ErrorQueueScope errors;
  if (X509_check_issued(&issuer, &certificate) != X509_V_OK) return false;
  bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(&issuer));
  return key != nullptr && X509_verify(&certificate, key.get()) == 1;
}

bssl::UniquePtr<EVP_PKEY> fromRsa(CBS& der) {
  bssl::UniquePtr<RSA> rsa(RSA_parse_private_key(&der));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (rsa == nullptr || EVP_PKEY_assign_RSA(key.get(), rsa.get()) != 1) return nullptr;
  rsa.release();  // the key owns it now
  return key;
}

bssl::UniquePtr<EVP_PKEY> fromEc(CBS& der) {
  bssl::UniquePtr<EC_KEY> ec(EC_KEY_parse_private_key(&der, nullptr));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (ec == nullptr || EVP_PKEY_assign_EC_KEY(key.get(), ec.get()) != 1) return nullptr;
  ec.release();  // the key owns it now
  return key;
}

bssl::UniquePtr<EVP_PKEY> decodeKey(const PemBlock& block) {
  CBS der;
  CBS_init(&der, block.der.data(), block.der.size());
  bssl::UniquePtr<EVP_PKEY> key;
  if (block.label == "PRIVATE KEY") {
    key.reset(EVP_parse_private_key(&der));
  } else if (block.label == "RSA PRIVATE KEY") {
    key = fromRsa(der);
  } else if (block.label == "EC PRIVATE KEY") {
    key = fromEc(der);
  }
  if (key != nullptr && CBS_len(&der) != 0) key.reset();
  return key;
}

absl::StatusOr<bssl::UniquePtr<EVP_PKEY>> readKeyBlock(const std::string& path,
                                                       const PemBlock& block) {
  if (block.encrypted || block.label == "ENCRYPTED PRIVATE KEY") {
    return wrong(path, "the private key is encrypted",
                 "decrypt it with openssl pkey and guard the file by its permissions");
  }
  bssl::UniquePtr<EVP_PKEY> key = decodeKey(block);
  if (key == nullptr) {
    const std::string reason = takeSslError();
    return wrong(path,
                 base::concat("the ", block.label, " at line ", block.line, " cannot be read",
                              reason.empty() ? "" : ": ", reason),
                 "give an RSA, ECDSA or Ed25519 key as PKCS #8, PKCS #1 or SEC 1");
  }
  return key;
}

}  // namespace

std::string_view keyKindName(KeyKind kind) {
  switch (kind) {
    case KeyKind::kEcdsaP256:
      return "ECDSA P-256";
    case KeyKind::kEcdsaP384:
      return "ECDSA P-384";
    case KeyKind::kEcdsaP521:
      return "ECDSA P-521";
    case KeyKind::kEd25519:
      return "Ed25519";
    case KeyKind::kRsa:
      return "RSA";
  }
  return "";
}

absl::StatusOr<KeyKind> keyKindOf(EVP_PKEY& key) {
  switch (EVP_PKEY_id(&key)) {
    case EVP_PKEY_RSA: {
      const unsigned bits = RSA_bits(EVP_PKEY_get0_RSA(&key));
      if (bits >= kLeastRsaBits && bits <= kMostRsaBits) return KeyKind::kRsa;
      return absl::InvalidArgumentError(
          base::concat("the RSA key has ", bits, " bits; use 2048 to 8192, or ECDSA P-256"));
    }
    case EVP_PKEY_EC:
      return ecKindOf(EVP_PKEY_get0_EC_KEY(&key));
    case EVP_PKEY_ED25519:
      return KeyKind::kEd25519;
    default:
      return absl::InvalidArgumentError(
          "the key is of a kind that TLS does not sign with; use ECDSA P-256 or RSA");
  }
}

absl::StatusOr<std::vector<bssl::UniquePtr<X509>>> parseCertificates(const std::string& path,
                                                                     std::string_view pem) {
  const ErrorQueueScope errors;
  auto blocks = parsePem(pem);
  if (!blocks.ok()) return inFile(path, blocks.status());
  std::vector<bssl::UniquePtr<X509>> certificates;
  for (const PemBlock& block : *blocks) {
    if (block.label == "TRUSTED CERTIFICATE") {
      return wrong(path, base::concat("line ", block.line, ": a TRUSTED CERTIFICATE"),
                   "write it as a plain one with openssl x509");
    }
    if (!block.isCertificate()) continue;
    bssl::UniquePtr<CRYPTO_BUFFER> buffer(
        CRYPTO_BUFFER_new(block.der.data(), block.der.size(), nullptr));
    bssl::UniquePtr<X509> certificate(X509_parse_from_buffer(buffer.get()));
    if (certificate == nullptr) {
      return wrong(path, base::concat("the certificate at line ", block.line, " cannot be read"),
                   "give an X.509 certificate in PEM");
    }
    certificates.push_back(std::move(certificate));
  }
  if (certificates.empty()) {
    return wrong(path, "has no certificate", "give a file with -----BEGIN CERTIFICATE-----");
  }
  return certificates;
}

absl::StatusOr<bssl::UniquePtr<EVP_PKEY>> parsePrivateKey(const std::string& path,
                                                          std::string_view pem) {
  const ErrorQueueScope errors;
  auto blocks = parsePem(pem);
  if (!blocks.ok()) return inFile(path, blocks.status());
  const PemBlock* found = nullptr;
  for (const PemBlock& block : *blocks) {
    if (!block.isPrivateKey()) continue;
    if (found != nullptr) {
      return wrong(path, base::concat("has a second private key at line ", block.line),
                   "keep the one that belongs to the certificate");
    }
    found = &block;
  }
  if (found == nullptr) {
    return wrong(path, "has no private key", "give a file with -----BEGIN PRIVATE KEY-----");
  }
  return readKeyBlock(path, *found);
}

absl::StatusOr<std::shared_ptr<const CertificatePair>> CertificatePair::load(
    const CertificateFiles& files, event::SystemTime now, CertificateFile* blame) {
  if (blame != nullptr) *blame = CertificateFile::kCertificate;
  auto certificate = readFile(files.certificate, kMaxPairFileBytes);
  if (!certificate.ok()) return certificate.status();
  auto key = readFile(files.key, kMaxPairFileBytes);
  if (!key.ok()) {
    if (blame != nullptr) *blame = CertificateFile::kKey;
    return key.status();
  }
  return parse(files, certificate->view(), key->view(), now, blame);
}

absl::StatusOr<std::shared_ptr<const CertificatePair>> CertificatePair::parse(
    const CertificateFiles& files, std::string_view certificate_pem, std::string_view key_pem,
    event::SystemTime now, CertificateFile* blame) {
  const ErrorQueueScope errors;
  std::shared_ptr<CertificatePair> pair(new CertificatePair());
  pair->files_ = files;
  if (blame != nullptr) *blame = CertificateFile::kCertificate;
  if (auto status = pair->readChain(certificate_pem); !status.ok()) return status;
  if (auto status = pair->checkLeaf(); !status.ok()) return status;
  if (auto status = pair->checkTimes(now); !status.ok()) return status;
  if (auto status = pair->checkChain(); !status.ok()) return status;
  if (blame != nullptr) *blame = CertificateFile::kKey;
  if (auto status = pair->readKey(key_pem); !status.ok()) return status;
  if (auto status = pair->checkKeyMatches(); !status.ok()) return status;
  return std::shared_ptr<const CertificatePair>(std::move(pair));
}

absl::Status CertificatePair::readChain(std::string_view pem) {
  auto certificates = parseCertificates(files_.certificate, pem);
  if (!certificates.ok()) return certificates.status();
  certificates_ = *std::move(certificates);
  if (certificates_.size() > kMaxChain) {
    return wrong(files_.certificate, base::concat("has ", certificates_.size(), " certificates"),
                 base::concat("give the leaf and what leads to its root, at most ", kMaxChain));
  }
  for (const auto& certificate : certificates_) {
    uint8_t* der = nullptr;
    const int size = i2d_X509(certificate.get(), &der);
    if (size <= 0) return wrong(files_.certificate, "cannot be encoded", "make it anew");
    chain_.emplace_back(CRYPTO_BUFFER_new(der, static_cast<size_t>(size), nullptr));
    OPENSSL_free(der);
    chain_view_.push_back(chain_.back().get());
  }
  fingerprint_ = hexText(certificateHash(leaf()));
  return absl::OkStatus();
}

absl::Status CertificatePair::readKey(std::string_view pem) {
  auto key = parsePrivateKey(files_.key, pem);
  if (!key.ok()) return key.status();
  key_ = *std::move(key);
  return absl::OkStatus();
}

std::string CertificatePair::nameOf(size_t index) const {
  return base::concat("certificate ", index + 1, " (", subjectText(*certificates_[index]), ")");
}

bool CertificatePair::endsInRoot() const {
  return certificates_.size() > 1 && selfSigned(*certificates_.back());
}

absl::Status CertificatePair::checkLeaf() {
  bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(&leaf()));
  if (key == nullptr) {
    return wrong(files_.certificate, "its public key cannot be read",
                 "use a certificate with an ECDSA P-256 or RSA key");
  }
  auto kind = keyKindOf(*key);
  if (!kind.ok()) return inFile(files_.certificate, kind.status());
  key_kind_ = *kind;
  if (certificates_.size() > 1 && X509_check_ca(&leaf()) != 0) {
    return wrong(files_.certificate, base::concat(nameOf(0), " is an authority, not a leaf"),
                 "put the server's own certificate first");
  }
  const SubjectAltNames names = subjectAltNames(leaf());
  dns_names_ = names.dns;
  if (names.dns.empty() && names.uris.empty() && names.ips.empty()) {
    warnings_.push_back(base::concat(
        files_.certificate,
        ": has no subjectAltName, and clients do not look at the common name; issue it with one"));
  }
  return absl::OkStatus();
}

absl::Status CertificatePair::checkTimes(event::SystemTime now) {
  const size_t count = endsInRoot() ? certificates_.size() - 1 : certificates_.size();
  for (size_t i = 0; i < count; ++i) {
    const auto begin = systemTime(X509_get0_notBefore(certificates_[i].get()));
    const auto end = systemTime(X509_get0_notAfter(certificates_[i].get()));
    if (!begin || !end) {
      return wrong(files_.certificate, base::concat(nameOf(i), " has no readable dates"),
                   "make it anew");
    }
    if (now < *begin) {
      return wrong(files_.certificate,
                   base::concat(nameOf(i), " is not valid before ", timeText(*begin)),
                   "wait, or look at the clock of this machine");
    }
    if (now > *end) {
      return wrong(files_.certificate, base::concat(nameOf(i), " has expired on ", timeText(*end)),
                   "renew it");
    }
    if (i == 0) not_before_ = *begin;
    not_after_ = i == 0 ? *end : std::min(not_after_, *end);
  }
  return absl::OkStatus();
}

absl::Status CertificatePair::checkChain() {
  for (size_t i = 0; i < certificates_.size(); ++i) {
    X509& certificate = *certificates_[i];
    const bool last = i + 1 == certificates_.size();
    if (weaklySigned(certificate) && !(last && selfSigned(certificate))) {
      return wrong(files_.certificate, base::concat(nameOf(i), " is signed with SHA-1 or MD5"),
                   "have it issued with SHA-256");
    }
    if (last || issuedBy(certificate, *certificates_[i + 1])) continue;
    std::string right = "put each certificate's issuer right after it";
    for (size_t j = 0; j < certificates_.size(); ++j) {
      if (j == i || !issuedBy(certificate, *certificates_[j])) continue;
      right = base::concat("its issuer is ", nameOf(j), ": put that right after it");
      break;
    }
    return wrong(files_.certificate,
                 base::concat(nameOf(i), " is not issued by ", nameOf(i + 1), " that follows it"),
                 right);
  }
  if (endsInRoot()) {
    warnings_.push_back(base::concat(
        files_.certificate,
        ": ends with its root, which clients have and need not be sent; leave it out"));
  }
  return absl::OkStatus();
}

absl::Status CertificatePair::checkKeyMatches() const {
  if (X509_check_private_key(&leaf(), key_.get()) == 1) return absl::OkStatus();
  const auto kind = keyKindOf(*key_);
  return wrong(
      files_.key,
      base::concat("the key ", kind.ok() ? base::concat("(", keyKindName(*kind), ") ") : "",
                   "does not belong to ", nameOf(0), " (", keyKindName(key_kind_), ") of ",
                   files_.certificate),
      "give the key that the certificate was issued for");
}

}  // namespace weir::extensions::transport_sockets
