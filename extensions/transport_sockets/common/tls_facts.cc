#include "extensions/transport_sockets/common/tls_facts.h"

#include <openssl/pool.h>
#include <openssl/x509.h>

#include "extensions/transport_sockets/common/certificate_facts.h"
#include "extensions/transport_sockets/common/certificate_pair.h"
#include "extensions/transport_sockets/common/tls_socket.h"
#include "extensions/transport_sockets/common/x509_text.h"
#include "source/base/ascii.h"

namespace weir::extensions::transport_sockets {

std::string_view TlsFacts::tlsVersion() const {
  return SSL_get_version(socket_.ssl());
}

std::string_view TlsFacts::cipher() const {
  const SSL_CIPHER* const cipher = SSL_get_current_cipher(socket_.ssl());
  return cipher == nullptr ? std::string_view() : SSL_CIPHER_standard_name(cipher);
}

uint16_t TlsFacts::cipherId() const {
  const SSL_CIPHER* const cipher = SSL_get_current_cipher(socket_.ssl());
  return cipher == nullptr ? uint16_t{0xffff} : SSL_CIPHER_get_protocol_id(cipher);
}

std::string_view TlsFacts::cipherOpenSslName() const {
  const SSL_CIPHER* const cipher = SSL_get_current_cipher(socket_.ssl());
  return cipher == nullptr ? std::string_view() : SSL_CIPHER_get_name(cipher);
}

std::string_view TlsFacts::requestedServerName() const {
  if (!server_name_) {
    const char* const name = SSL_get_servername(socket_.ssl(), TLSEXT_NAMETYPE_host_name);
    server_name_ = name == nullptr ? std::string() : base::lowered(name);
  }
  return *server_name_;
}

std::string_view TlsFacts::sessionId() const {
  if (!session_id_) {
    unsigned length = 0;
    const SSL_SESSION* const session = SSL_get_session(socket_.ssl());
    const uint8_t* const id = session == nullptr ? nullptr : SSL_SESSION_get_id(session, &length);
    session_id_ = hexText({id, length});
  }
  return *session_id_;
}

bool TlsFacts::resumed() const {
  return SSL_session_reused(socket_.ssl()) != 0;
}

const network::CertificateFacts* TlsFacts::peerCertificate() const {
  if (peer_read_) return peer_.get();
  peer_read_ = true;
  const STACK_OF(CRYPTO_BUFFER)* const chain = SSL_get0_peer_certificates(socket_.ssl());
  if (chain == nullptr || sk_CRYPTO_BUFFER_num(chain) == 0) return nullptr;
  const bssl::UniquePtr<X509> leaf(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(chain, 0)));
  if (leaf == nullptr) return nullptr;
  peer_ = std::make_unique<network::CertificateFacts>(certificateFacts(*leaf));
  return peer_.get();
}

std::string_view TlsFacts::peerChainPem() const {
  if (peer_chain_) return *peer_chain_;
  peer_chain_.emplace();
  const STACK_OF(CRYPTO_BUFFER)* const chain = SSL_get0_peer_certificates(socket_.ssl());
  const size_t count = chain == nullptr ? 0 : sk_CRYPTO_BUFFER_num(chain);
  for (size_t i = 0; i < count; ++i) {
    const bssl::UniquePtr<X509> one(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(chain, i)));
    if (one != nullptr) peer_chain_->append(pemText(*one));
  }
  return *peer_chain_;
}

bool TlsFacts::peerVerified() const {
  const STACK_OF(CRYPTO_BUFFER)* const chain = SSL_get0_peer_certificates(socket_.ssl());
  return chain != nullptr && sk_CRYPTO_BUFFER_num(chain) > 0 && socket_.verified();
}

const network::CertificateFacts* TlsFacts::localCertificate() const {
  if (local_ == nullptr && socket_.ownCertificate() != nullptr) {
    local_ = std::make_unique<network::CertificateFacts>(
        certificateFacts(socket_.ownCertificate()->leaf()));
  }
  return local_.get();
}

}  // namespace weir::extensions::transport_sockets
