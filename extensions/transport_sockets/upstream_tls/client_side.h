#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/transport_sockets/common/material_store.h"
#include "extensions/transport_sockets/common/peer_policy.h"
#include "extensions/transport_sockets/common/session_cache.h"
#include "extensions/transport_sockets/common/tls_context.h"
#include "extensions/transport_sockets/common/tls_socket.h"

namespace weir::extensions::transport_sockets::upstream_tls {

// TLS towards one cluster as configured. Immutable.
struct ClientOptions {
  std::string cluster;
  std::shared_ptr<MaterialStore> material;  // its first certificate, if any, is shown to endpoints
  std::shared_ptr<SessionCache> sessions;   // null: none are resumed
  std::string server_name;                  // lower case; empty: none
  bool server_name_from_host = false;
  bool verify = true;
  PeerPolicy policy;
  std::vector<std::string> alpn;
  TlsVersions versions;
};

// A client's side of TLS on one worker with the certificates and the trust of one moment: a later
// moment has another, and connections stay with theirs. Worker-confined.
class ClientSide final : public TlsSide {
 public:
  ClientSide(std::shared_ptr<const ClientOptions> options, TlsWorker& worker,
             const TlsCells& cells);

  bssl::UniquePtr<SSL> begin(TlsSocket& socket, std::string& problem) override;
  bool verifies() const override { return options_->verify; }

  // The files' contents have changed since.
  bool outdated() const { return options_->material->version() != version_; }
  // The name that a connection for `host` (empty: nobody said) has to ask for.
  std::string nameFor(std::string_view host) const;

 private:
  static ClientSide& of(const SSL* ssl);
  static ssl_verify_result_t onServerCertificate(SSL* ssl, uint8_t* alert);
  static int onNewSession(SSL* ssl, SSL_SESSION* session);

  void makeContext();
  absl::Status verify(TlsSocket& socket);
  void offerSession(TlsSocket& socket, SSL& ssl);
  std::shared_ptr<const CertificatePair> ownPair() const;

  const std::shared_ptr<const ClientOptions> options_;
  const uint64_t version_;
  const std::shared_ptr<const Material> material_;
  bssl::UniquePtr<SSL_CTX> context_;
  std::string session_scope_;  // what else sessions are for, besides endpoint and name
};

}  // namespace weir::extensions::transport_sockets::upstream_tls
