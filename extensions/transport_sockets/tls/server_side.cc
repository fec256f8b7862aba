#include "extensions/transport_sockets/tls/server_side.h"

#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/pool.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "source/base/concat.h"

namespace weir::extensions::transport_sockets::tls {
namespace {

constexpr size_t kTickets = 1;  // sent after a handshake: each resumption brings a new one

std::string_view viewOf(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Whether `extension` (of type supported_versions) has TLS 1.3 in it.
bool offersTls13(const SSL_CLIENT_HELLO& hello) {
  const uint8_t* data;
  size_t size;
  if (SSL_early_callback_ctx_extension_get(&hello, TLSEXT_TYPE_supported_versions, &data, &size) ==
      0) {
    return false;
  }
  CBS body;
  CBS list;
  CBS_init(&body, data, size);
  if (CBS_get_u8_length_prefixed(&body, &list) == 0) return false;
  uint16_t version;
  while (CBS_get_u16(&list, &version) != 0) {
    if (version == TLS1_3_VERSION) return true;
  }
  return false;
}

// The kinds of keys that suites of TLS 1.2 are for.
void addSuites(const SSL_CLIENT_HELLO& hello, bool& ecdsa, bool& rsa) {
  CBS suites;
  CBS_init(&suites, hello.cipher_suites, hello.cipher_suites_len);
  uint16_t suite;
  while (CBS_get_u16(&suites, &suite) != 0) {
    const SSL_CIPHER* const cipher = SSL_get_cipher_by_value(suite);
    if (cipher == nullptr) continue;
    const int kind = SSL_CIPHER_get_auth_nid(cipher);
    ecdsa = ecdsa || kind == NID_auth_ecdsa;
    rsa = rsa || kind == NID_auth_rsa;
  }
}

// What the client can check.
KeyKinds keyKindsOf(const SSL_CLIENT_HELLO& hello, const TlsVersions& ours) {
  KeyKinds kinds;
  const uint8_t* data;
  size_t size;
  if (SSL_early_callback_ctx_extension_get(&hello, TLSEXT_TYPE_signature_algorithms, &data,
                                           &size) == 0) {
    kinds = KeyKinds::all();
  } else {
    CBS body;
    CBS list;
    CBS_init(&body, data, size);
    if (CBS_get_u16_length_prefixed(&body, &list) == 0) return kinds;
    uint16_t scheme;
    while (CBS_get_u16(&list, &scheme) != 0) kinds.addSignatureScheme(scheme);
  }
  if (ours.most >= TLS1_3_VERSION && offersTls13(hello)) return kinds;
  bool ecdsa = false;
  bool rsa = false;
  addSuites(hello, ecdsa, rsa);
  KeyKinds usable;
  for (size_t i = 0; i < kKeyKinds; ++i) {
    const auto kind = static_cast<KeyKind>(i);
    if (kinds.has(kind) && (kind == KeyKind::kRsa ? rsa : ecdsa)) usable.add(kind);
  }
  return usable;
}

}  // namespace

ServerSide::ServerSide(std::shared_ptr<const ServerOptions> options, TlsWorker& worker,
                       const TlsCells& cells, std::shared_ptr<HandshakeGate::Limited> limited)
    : TlsSide(worker, cells, base::concat("listener ", options->listener), /*server=*/true),
      options_(std::move(options)),
      version_(options_->material->version()),
      material_(options_->material->current()),
      limited_(std::move(limited)),
      alpn_(alpnList(options_->alpn)),
      slots_(material_->certificates->all().size()) {}

ServerSide& ServerSide::of(const SSL* ssl) {
  return static_cast<ServerSide&>(TlsSocket::of(ssl).side());
}

bssl::UniquePtr<SSL> ServerSide::begin(TlsSocket&, std::string& problem) {
  SSL_CTX* const context = contextOf(material_->certificates->all().front());
  bssl::UniquePtr<SSL> ssl(context == nullptr ? nullptr : SSL_new(context));
  if (ssl == nullptr) {
    problem = takeTlsProblem().text;
    return nullptr;
  }
  SSL_set_accept_state(ssl.get());
  return ssl;
}

SSL_CTX* ServerSide::contextOf(const ServedCertificate& served) {
  Slot& slot = slots_[static_cast<size_t>(&served - material_->certificates->all().data())];
  const bool staple = !served.staple(worker().dispatcher().systemNow()).empty();
  if (slot.context == nullptr || slot.stapled != staple) {
    slot.context = makeContext(served, staple);
    slot.stapled = staple;
  }
  return slot.context.get();
}

bssl::UniquePtr<SSL_CTX> ServerSide::makeContext(const ServedCertificate& served, bool staple) {
  bssl::UniquePtr<SSL_CTX> made = newTlsContext(options_->versions, cells());
  if (made == nullptr || !useCertificate(*made, *served.pair)) return nullptr;
  SSL_CTX* const context = made.get();
  if (staple) {
    const std::span<const uint8_t> der = served.ocsp->der();
    SSL_CTX_set_ocsp_response(context, der.data(), der.size());
  }
  SSL_CTX_set_select_certificate_cb(context, onClientHello);
  if (!alpn_.empty()) SSL_CTX_set_alpn_select_cb(context, onApplicationProtocols, nullptr);
  askForCertificates(*context);
  const Sha256 session_context = sessionContext();
  SSL_CTX_set_session_id_context(context, session_context.data(), session_context.size());
  const auto lifetime = static_cast<uint32_t>(options_->session_lifetime.count());
  SSL_CTX_set_timeout(context, lifetime);
  SSL_CTX_set_session_psk_dhe_timeout(context, lifetime);
  if (options_->material->tickets() != nullptr) {
    options_->material->tickets()->install(*context);
    SSL_CTX_set_num_tickets(context, kTickets);
  } else {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  }
  if (options_->sessions != nullptr) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, onNewSession);
    SSL_CTX_sess_set_get_cb(context, onSessionWanted);
  } else {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  }
  return made;
}

void ServerSide::askForCertificates(SSL_CTX& context) const {
  if (options_->client_certificates == ClientCertificates::kNone) return;
  int mode = SSL_VERIFY_PEER;
  if (options_->client_certificates == ClientCertificates::kRequired) {
    mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  SSL_CTX_set_custom_verify(&context, mode, onClientCertificate);
  if (material_->trust == nullptr) return;
  bssl::UniquePtr<STACK_OF(CRYPTO_BUFFER)> names(sk_CRYPTO_BUFFER_new_null());
  const STACK_OF(X509_NAME)* const authorities = material_->trust->authorityNames();
  for (size_t i = 0; i < sk_X509_NAME_num(authorities); ++i) {
    uint8_t* der = nullptr;
    const int size = i2d_X509_NAME(sk_X509_NAME_value(authorities, i), &der);
    if (size <= 0) continue;
    bssl::PushToStack(names.get(), bssl::UniquePtr<CRYPTO_BUFFER>(
                                       CRYPTO_BUFFER_new(der, static_cast<size_t>(size), nullptr)));
    OPENSSL_free(der);
  }
  SSL_CTX_set0_client_CAs(&context, names.release());
}

// A session is resumed only under the rules about clients under which it began.
Sha256 ServerSide::sessionContext() const {
  std::string text = base::concat("weir tls ", static_cast<int>(options_->client_certificates), ' ',
                                  options_->client_rules);
  if (verifies() && material_->trust != nullptr) {
    const Sha256& trust = material_->trust->fingerprint();
    text.append(viewOf(trust.data(), trust.size()));
  }
  return sha256({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

ssl_select_cert_result_t ServerSide::onClientHello(const SSL_CLIENT_HELLO* hello) {
  TlsSocket& socket = TlsSocket::of(hello->ssl);
  if (!socket.mayBegin()) return ssl_select_cert_retry;
  return static_cast<ServerSide&>(socket.side()).choose(socket, *hello);
}

ssl_select_cert_result_t ServerSide::choose(TlsSocket& socket, const SSL_CLIENT_HELLO& hello) {
  const CertificateSet& certificates = *material_->certificates;
  const ServedCertificate* served = &certificates.all().front();
  if (certificates.all().size() > 1) {
    const char* const name = SSL_get_servername(hello.ssl, TLSEXT_NAMETYPE_host_name);
    served =
        &certificates.select(name == nullptr ? "" : name, keyKindsOf(hello, options_->versions));
  }
  socket.setOwnCertificate(served->pair);
  SSL_CTX* const context = contextOf(*served);
  if (context == nullptr) return ssl_select_cert_error;
  if (context != SSL_get_SSL_CTX(hello.ssl)) SSL_set_SSL_CTX(hello.ssl, context);
  return ssl_select_cert_success;
}

int ServerSide::onApplicationProtocols(SSL* ssl, const uint8_t** chosen, uint8_t* chosen_length,
                                       const uint8_t* offered, unsigned offered_length, void*) {
  const std::string_view theirs = viewOf(offered, offered_length);
  for (const std::string& wanted : of(ssl).options_->alpn) {
    for (size_t at = 0; at < theirs.size(); at += 1 + static_cast<uint8_t>(theirs[at])) {
      const std::string_view one = theirs.substr(at + 1, static_cast<uint8_t>(theirs[at]));
      if (one != wanted) continue;
      *chosen = reinterpret_cast<const uint8_t*>(one.data());
      *chosen_length = static_cast<uint8_t>(one.size());
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

ssl_verify_result_t ServerSide::onClientCertificate(SSL* ssl, uint8_t* alert) {
  TlsSocket& socket = TlsSocket::of(ssl);
  auto& side = static_cast<ServerSide&>(socket.side());
  const PeerCheck check{
      .role = PeerRole::kClient, .host = {}, .now = side.worker().dispatcher().systemNow()};
  const absl::Status status =
      verifyPeer(*ssl, side.material_->trust.get(), side.options_->client_policy, check);
  if (status.ok()) return ssl_verify_ok;
  socket.setRefusal(std::string(base::view(status.message())));
  *alert = alertFor(status);
  return ssl_verify_invalid;
}

// What was good when the session began may have expired since.
absl::Status ServerSide::onEstablished(TlsSocket& socket) {
  if (!verifies() || SSL_session_reused(socket.ssl()) == 0) return absl::OkStatus();
  const STACK_OF(CRYPTO_BUFFER)* const chain = SSL_get0_peer_certificates(socket.ssl());
  if (chain == nullptr || sk_CRYPTO_BUFFER_num(chain) == 0) return absl::OkStatus();
  const bssl::UniquePtr<X509> leaf(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(chain, 0)));
  if (leaf == nullptr) return absl::UnauthenticatedError("the peer's certificate cannot be read");
  return TrustStore::verifyDates(*leaf, worker().dispatcher().systemNow());
}

int ServerSide::onNewSession(SSL* ssl, SSL_SESSION* session) {
  ServerSide& side = of(ssl);
  unsigned length = 0;
  const uint8_t* const id = SSL_SESSION_get_id(session, &length);
  if (length == 0) return 0;
  side.options_->sessions->put(viewOf(id, length), bssl::UniquePtr<SSL_SESSION>(session),
                               side.worker().dispatcher().now());
  return 1;  // the reference is taken
}

SSL_SESSION* ServerSide::onSessionWanted(SSL* ssl, const uint8_t* id, int length, int* copy) {
  ServerSide& side = of(ssl);
  *copy = 0;
  return side.options_->sessions
      ->get(viewOf(id, static_cast<size_t>(length)), side.worker().dispatcher().now())
      .release();
}

}  // namespace weir::extensions::transport_sockets::tls
