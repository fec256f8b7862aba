#include "extensions/http_filters/jwt_auth/key_reader.h"

#include <openssl/bn.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <string>

#include "extensions/http_filters/common/access/base64url.h"

namespace weir::extensions::http_filters::jwt_auth {
namespace {

using http::MetadataValue;

constexpr size_t kLeastSecretBytes = 32;  // of HS256 (RFC 7518 3.2)
constexpr size_t kMaxSecretBytes = 4096;
constexpr unsigned kLeastRsaBits = 2048;  // RFC 7518 3.3
constexpr unsigned kMaxRsaBits = 8192;

const uint8_t* bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

// The text of a member; nullopt: there is none, or it is something else.
std::optional<std::string_view> textOf(const MetadataValue& jwk, std::string_view name) {
  const MetadataValue* const value = jwk.find(name);
  if (value == nullptr || value->kind != MetadataValue::Kind::kText) return std::nullopt;
  return value->text;
}
std::optional<std::string> bytesOf(const MetadataValue& jwk, std::string_view name) {
  const auto text = textOf(jwk, name);
  return text ? decodeBase64Url(*text) : std::nullopt;
}

const EVP_MD* hashOf(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kRs256:
    case Algorithm::kPs256:
    case Algorithm::kEs256:
    case Algorithm::kHs256:
      return EVP_sha256();
    case Algorithm::kRs384:
    case Algorithm::kPs384:
    case Algorithm::kEs384:
    case Algorithm::kHs384:
      return EVP_sha384();
    case Algorithm::kRs512:
    case Algorithm::kPs512:
    case Algorithm::kEs512:
    case Algorithm::kHs512:
      return EVP_sha512();
    case Algorithm::kEdDsa:
    case Algorithm::kCount:
      break;
  }
  return nullptr;  // Ed25519 has its own
}

bool isPss(Algorithm algorithm) {
  return algorithm >= Algorithm::kPs256 && algorithm <= Algorithm::kPs512;
}

// Immutable.
class PublicKey final : public VerificationKey {
 public:
  PublicKey(KeyKind kind, std::string id, std::optional<Algorithm> only,
            bssl::UniquePtr<EVP_PKEY> key)
      : VerificationKey(kind, std::move(id), only), key_(std::move(key)) {}

  bool verifies(Algorithm algorithm, std::string_view text,
                std::string_view signature) const override {
    const bool good = isEc() ? verifiesEc(algorithm, text, signature)
                             : verifiesWith(algorithm, text, bytes(signature), signature.size());
    ERR_clear_error();
    return good;
  }

 private:
  bool isEc() const { return kind() >= KeyKind::kP256 && kind() <= KeyKind::kP521; }
  bool verifiesWith(Algorithm algorithm, std::string_view text, const uint8_t* signature,
                    size_t size) const {
    bssl::ScopedEVP_MD_CTX context;
    EVP_PKEY_CTX* options = nullptr;
    if (EVP_DigestVerifyInit(context.get(), &options, hashOf(algorithm), nullptr, key_.get()) !=
        1) {
      return false;
    }
    if (isPss(algorithm) &&
        (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
         EVP_PKEY_CTX_set_rsa_pss_saltlen(options, -1) != 1)) {  // as long as the hash
      return false;
    }
    return EVP_DigestVerify(context.get(), signature, size, bytes(text), text.size()) == 1;
  }
  // R and S behind each other, each as long as the curve's order (RFC 7518 3.4).
  bool verifiesEc(Algorithm algorithm, std::string_view text, std::string_view signature) const {
    const size_t half = kind() == KeyKind::kP256 ? 32 : kind() == KeyKind::kP384 ? 48 : 66;
    if (signature.size() != 2 * half) return false;
    const bssl::UniquePtr<ECDSA_SIG> parts(ECDSA_SIG_new());
    if (parts == nullptr) return false;
    BIGNUM* const r = BN_bin2bn(bytes(signature), half, nullptr);
    BIGNUM* const s = BN_bin2bn(bytes(signature) + half, half, nullptr);
    if (r == nullptr || s == nullptr || ECDSA_SIG_set0(parts.get(), r, s) != 1) {
      BN_free(r);
      BN_free(s);
      return false;
    }
    uint8_t* der = nullptr;
    size_t size = 0;
    if (ECDSA_SIG_to_bytes(&der, &size, parts.get()) != 1) return false;
    const bssl::UniquePtr<uint8_t> owned(der);
    return verifiesWith(algorithm, text, der, size);
  }

  const bssl::UniquePtr<EVP_PKEY> key_;
};

// Immutable.
class SecretKey final : public VerificationKey {
 public:
  SecretKey(std::string id, std::optional<Algorithm> only, std::string secret)
      : VerificationKey(KeyKind::kSecret, std::move(id), only), secret_(std::move(secret)) {}
  ~SecretKey() override { OPENSSL_cleanse(secret_.data(), secret_.size()); }

  bool verifies(Algorithm algorithm, std::string_view text,
                std::string_view signature) const override {
    const EVP_MD* const hash = hashOf(algorithm);
    const size_t size = EVP_MD_size(hash);
    // A key as long as the hash at least (RFC 7518 3.2).
    if (secret_.size() < size || signature.size() != size) return false;
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned written = 0;
    if (HMAC(hash, secret_.data(), secret_.size(), bytes(text), text.size(), mac, &written) ==
        nullptr) {
      return false;
    }
    return CRYPTO_memcmp(mac, signature.data(), size) == 0;
  }

 private:
  std::string secret_;
};

bssl::UniquePtr<EVP_PKEY> readRsa(const MetadataValue& jwk) {
  const auto n = bytesOf(jwk, "n");
  const auto e = bytesOf(jwk, "e");
  if (!n || !e || n->size() > kMaxRsaBits / 8 + 1 || e->empty() || e->size() > 4) return nullptr;
  const bssl::UniquePtr<RSA> rsa(RSA_new());
  BIGNUM* const modulus = BN_bin2bn(bytes(*n), n->size(), nullptr);
  BIGNUM* const exponent = BN_bin2bn(bytes(*e), e->size(), nullptr);
  if (RSA_set0_key(rsa.get(), modulus, exponent, nullptr) != 1) {
    BN_free(modulus);
    BN_free(exponent);
    return nullptr;
  }
  const unsigned bits = BN_num_bits(modulus);
  if (bits < kLeastRsaBits || bits > kMaxRsaBits || RSA_check_key(rsa.get()) != 1) return nullptr;
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  return EVP_PKEY_set1_RSA(key.get(), rsa.get()) == 1 ? std::move(key) : nullptr;
}

bssl::UniquePtr<EVP_PKEY> readEc(const MetadataValue& jwk, KeyKind& kind) {
  struct Curve {
    std::string_view name;
    int nid;
    KeyKind kind;
    size_t bytes;
  };
  constexpr Curve kCurves[] = {{"P-256", NID_X9_62_prime256v1, KeyKind::kP256, 32},
                               {"P-384", NID_secp384r1, KeyKind::kP384, 48},
                               {"P-521", NID_secp521r1, KeyKind::kP521, 66}};
  const auto name = textOf(jwk, "crv");
  const auto* const curve = std::find_if(std::begin(kCurves), std::end(kCurves),
                                         [&](const Curve& each) { return name == each.name; });
  const auto x = bytesOf(jwk, "x");
  const auto y = bytesOf(jwk, "y");
  if (curve == std::end(kCurves) || !x || !y || x->size() != curve->bytes ||
      y->size() != curve->bytes) {
    return nullptr;
  }
  kind = curve->kind;
  const bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(curve->nid));
  const bssl::UniquePtr<BIGNUM> x_number(BN_bin2bn(bytes(*x), x->size(), nullptr));
  const bssl::UniquePtr<BIGNUM> y_number(BN_bin2bn(bytes(*y), y->size(), nullptr));
  // Also checks that the point is on the curve.
  if (ec == nullptr ||
      EC_KEY_set_public_key_affine_coordinates(ec.get(), x_number.get(), y_number.get()) != 1) {
    return nullptr;
  }
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  return EVP_PKEY_set1_EC_KEY(key.get(), ec.get()) == 1 ? std::move(key) : nullptr;
}

bssl::UniquePtr<EVP_PKEY> readOkp(const MetadataValue& jwk) {
  const auto x = bytesOf(jwk, "x");
  if (textOf(jwk, "crv") != "Ed25519" || !x || x->size() != 32) return nullptr;
  return bssl::UniquePtr<EVP_PKEY>(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(*x), x->size()));
}

// False: it is for something else than to verify signatures.
bool isForSignatures(const MetadataValue& jwk) {
  if (const MetadataValue* const use = jwk.find("use")) {
    if (use->kind != MetadataValue::Kind::kText || use->text != "sig") return false;
  }
  const MetadataValue* const operations = jwk.find("key_ops");
  if (operations == nullptr) return true;
  const auto members = operations->members();
  return std::any_of(members.begin(), members.end(), [](const http::MetadataField& member) {
    return member.value.text == "verify" || member.value.text == "sign";
  });
}

}  // namespace

std::unique_ptr<const VerificationKey> readKey(const MetadataValue& jwk) {
  const auto type = textOf(jwk, "kty");
  if (!type || !isForSignatures(jwk)) return nullptr;
  std::optional<Algorithm> only;
  if (const auto algorithm = textOf(jwk, "alg")) {
    only = algorithmNamed(*algorithm);
    if (!only) return nullptr;
  }
  std::string id(textOf(jwk, "kid").value_or(""));
  if (*type == "oct") {
    auto secret = bytesOf(jwk, "k");
    if (!secret || secret->size() < kLeastSecretBytes || secret->size() > kMaxSecretBytes) {
      return nullptr;
    }
    if (only && !suits(*only, KeyKind::kSecret)) return nullptr;
    return std::make_unique<SecretKey>(std::move(id), only, *std::move(secret));
  }
  KeyKind kind = KeyKind::kRsa;
  bssl::UniquePtr<EVP_PKEY> key;
  if (*type == "RSA") {
    key = readRsa(jwk);
  } else if (*type == "EC") {
    key = readEc(jwk, kind);
  } else if (*type == "OKP") {
    kind = KeyKind::kEd25519;
    key = readOkp(jwk);
  }
  ERR_clear_error();
  if (key == nullptr || (only && !suits(*only, kind))) return nullptr;
  return std::make_unique<PublicKey>(kind, std::move(id), only, std::move(key));
}

}  // namespace weir::extensions::http_filters::jwt_auth
