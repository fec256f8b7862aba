#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "extensions/transport_sockets/common/handshake_gate.h"
#include "extensions/transport_sockets/common/material_store.h"
#include "extensions/transport_sockets/common/peer_policy.h"
#include "extensions/transport_sockets/common/session_cache.h"
#include "extensions/transport_sockets/common/tls_context.h"
#include "extensions/transport_sockets/common/tls_socket.h"

namespace weir::extensions::transport_sockets::tls {

// Whether clients are asked for a certificate.
enum class ClientCertificates : uint8_t { kNone, kOptional, kRequired };

// TLS of one filter chain as configured. Immutable.
struct ServerOptions {
  std::string listener;
  std::shared_ptr<MaterialStore> material;
  std::shared_ptr<SessionCache> sessions;  // null: none are kept
  std::vector<std::string> alpn;           // empty: ALPN is not looked at
  TlsVersions versions;
  ClientCertificates client_certificates = ClientCertificates::kNone;
  PeerPolicy client_policy;
  std::string client_rules;  // text that changes when the rules about clients do
  std::chrono::seconds session_lifetime{std::chrono::hours(12)};
  std::chrono::milliseconds handshake_timeout{10'000};
  std::shared_ptr<HandshakeRate> rate;  // null: no limit
};

// A server's side of TLS on one worker with the certificates and the trust of one moment: a later
// moment has another, and connections stay with theirs. Worker-confined.
class ServerSide final : public TlsSide {
 public:
  ServerSide(std::shared_ptr<const ServerOptions> options, TlsWorker& worker, const TlsCells& cells,
             std::shared_ptr<HandshakeGate::Limited> limited);

  bssl::UniquePtr<SSL> begin(TlsSocket& socket, std::string& problem) override;
  absl::Status onEstablished(TlsSocket& socket) override;
  bool verifies() const override {
    return options_->client_certificates != ClientCertificates::kNone;
  }
  HandshakeGate::Limited* limited() override { return limited_.get(); }

  // The files' contents have changed since.
  bool outdated() const { return options_->material->version() != version_; }

 private:
  // One certificate and what is set up for it, made when a client first wants it.
  struct Slot {
    bssl::UniquePtr<SSL_CTX> context;
    bool stapled = false;
  };
  static ServerSide& of(const SSL* ssl);
  static ssl_select_cert_result_t onClientHello(const SSL_CLIENT_HELLO* hello);
  static int onApplicationProtocols(SSL* ssl, const uint8_t** chosen, uint8_t* chosen_length,
                                    const uint8_t* offered, unsigned offered_length, void*);
  static ssl_verify_result_t onClientCertificate(SSL* ssl, uint8_t* alert);
  static int onNewSession(SSL* ssl, SSL_SESSION* session);
  static SSL_SESSION* onSessionWanted(SSL* ssl, const uint8_t* id, int length, int* copy);

  ssl_select_cert_result_t choose(TlsSocket& socket, const SSL_CLIENT_HELLO& hello);
  SSL_CTX* contextOf(const ServedCertificate& served);
  bssl::UniquePtr<SSL_CTX> makeContext(const ServedCertificate& served, bool staple);
  void askForCertificates(SSL_CTX& context) const;
  Sha256 sessionContext() const;

  const std::shared_ptr<const ServerOptions> options_;
  const uint64_t version_;
  const std::shared_ptr<const Material> material_;
  const std::shared_ptr<HandshakeGate::Limited> limited_;
  const std::string alpn_;
  std::vector<Slot> slots_;  // by index in the certificate set
};

}  // namespace weir::extensions::transport_sockets::tls
