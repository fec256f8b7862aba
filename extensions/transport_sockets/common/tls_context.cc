#include "extensions/transport_sockets/common/tls_context.h"

#include <openssl/err.h>
#include <openssl/pool.h>
#include <openssl/x509.h>

#include <string_view>

#include "source/base/concat.h"

namespace weir::extensions::transport_sockets {
namespace {

// Of TLS 1.2. AES-128 before ChaCha20 before AES-256; a client without AES in hardware, which puts
// ChaCha20 first, gets that.
constexpr char kSuites[] =
    "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]:"
    "[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";

constexpr int kGroups[] = {NID_X25519, NID_X9_62_prime256v1};

constexpr uint16_t kSignatures[] = {
    SSL_SIGN_ECDSA_SECP256R1_SHA256, SSL_SIGN_ECDSA_SECP384R1_SHA384,
    SSL_SIGN_ECDSA_SECP521R1_SHA512, SSL_SIGN_ED25519,
    SSL_SIGN_RSA_PSS_RSAE_SHA256,    SSL_SIGN_RSA_PSS_RSAE_SHA384,
    SSL_SIGN_RSA_PSS_RSAE_SHA512,    SSL_SIGN_RSA_PKCS1_SHA256,
    SSL_SIGN_RSA_PKCS1_SHA384,       SSL_SIGN_RSA_PKCS1_SHA512,
};

int cellsIndex() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

void onInfo(const SSL* ssl, int where, int) {
  if ((where & SSL_CB_ALERT) == 0) return;
  auto* const cells =
      static_cast<TlsCells*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), cellsIndex()));
  ((where & SSL_CB_WRITE) != 0 ? cells->alerts_sent : cells->alerts_received)->add();
}

std::vector<bssl::UniquePtr<X509>> readChain(const SSL& ssl) {
  std::vector<bssl::UniquePtr<X509>> chain;
  const STACK_OF(CRYPTO_BUFFER)* const sent = SSL_get0_peer_certificates(&ssl);
  const size_t count = sent == nullptr ? 0 : sk_CRYPTO_BUFFER_num(sent);
  for (size_t i = 0; i < count; ++i) {
    chain.emplace_back(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(sent, i)));
    if (chain.back() == nullptr) chain.pop_back();
    if (chain.size() <= i) break;
  }
  if (chain.size() < count) chain.clear();
  return chain;
}

}  // namespace

bssl::UniquePtr<SSL_CTX> newTlsContext(const TlsVersions& versions, TlsCells& cells) {
  bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_with_buffers_method()));
  if (context == nullptr) return nullptr;
  SSL_CTX* const to = context.get();
  const bool set =
      SSL_CTX_set_min_proto_version(to, versions.least) == 1 &&
      SSL_CTX_set_max_proto_version(to, versions.most) == 1 &&
      SSL_CTX_set_strict_cipher_list(to, kSuites) == 1 &&
      SSL_CTX_set1_curves(to, kGroups, std::size(kGroups)) == 1 &&
      SSL_CTX_set_signing_algorithm_prefs(to, kSignatures, std::size(kSignatures)) == 1 &&
      SSL_CTX_set_verify_algorithm_prefs(to, kSignatures, std::size(kSignatures)) == 1 &&
      SSL_CTX_set_ex_data(to, cellsIndex(), &cells) == 1;
  if (!set) return nullptr;
  SSL_CTX_set_options(to, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(to, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                           SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_info_callback(to, onInfo);
  return context;
}

bool useCertificate(SSL_CTX& context, const CertificatePair& pair) {
  const std::span<CRYPTO_BUFFER* const> chain = pair.chain();
  return SSL_CTX_set_chain_and_key(&context, chain.data(), chain.size(), pair.privateKey(),
                                   nullptr) == 1;
}

std::string alpnList(const std::vector<std::string>& protocols) {
  std::string list;
  for (const std::string& protocol : protocols) {
    list.push_back(static_cast<char>(protocol.size()));
    list.append(protocol);
  }
  return list;
}

absl::Status verifyPeer(const SSL& ssl, const TrustStore* trust, const PeerPolicy& policy,
                        const PeerCheck& check) {
  const std::vector<bssl::UniquePtr<X509>> chain = readChain(ssl);
  ERR_clear_error();
  if (chain.empty()) return absl::UnauthenticatedError("it cannot be read");
  if (trust != nullptr) {
    std::vector<X509*> view;
    view.reserve(chain.size());
    for (const auto& certificate : chain) view.push_back(certificate.get());
    if (absl::Status status = trust->verify(view, check); !status.ok()) return status;
  } else if (absl::Status status = TrustStore::verifyDates(*chain.front(), check.now);
             !status.ok()) {
    return status;
  }
  return policy.empty() ? absl::OkStatus() : policy.check(*chain.front());
}

uint8_t alertFor(const absl::Status& refusal) {
  const std::string_view text = base::view(refusal.message());
  const auto says = [text](std::string_view word) {
    return text.find(word) != std::string_view::npos;
  };
  if (refusal.code() == absl::StatusCode::kPermissionDenied) return SSL_AD_ACCESS_DENIED;
  if (says("revoked")) return SSL_AD_CERTIFICATE_REVOKED;
  if (says("expired") || says("not yet valid")) return SSL_AD_CERTIFICATE_EXPIRED;
  if (says("issuer") || says("self signed") || says("self-signed")) return SSL_AD_UNKNOWN_CA;
  return SSL_AD_BAD_CERTIFICATE;
}

}  // namespace weir::extensions::transport_sockets
