#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>

#include "source/network/transport_socket.h"

namespace weir::extensions::transport_sockets {

class TlsSocket;

// What is known of a secured connection; texts are made when asked for. Worker-confined; a part of
// its socket.
class TlsFacts final : public network::SecurityInfo {
 public:
  explicit TlsFacts(const TlsSocket& socket) : socket_(socket) {}

  std::string_view tlsVersion() const override;
  std::string_view cipher() const override;
  uint16_t cipherId() const override;
  std::string_view cipherOpenSslName() const override;
  std::string_view requestedServerName() const override;
  std::string_view sessionId() const override;
  bool resumed() const override;
  const network::CertificateFacts* peerCertificate() const override;
  std::string_view peerChainPem() const override;
  bool peerVerified() const override;
  const network::CertificateFacts* localCertificate() const override;

 private:
  const TlsSocket& socket_;
  mutable std::optional<std::string> server_name_;
  mutable std::optional<std::string> session_id_;
  mutable std::optional<std::string> peer_chain_;
  mutable bool peer_read_ = false;
  mutable std::unique_ptr<network::CertificateFacts> peer_;
  mutable std::unique_ptr<network::CertificateFacts> local_;
};

}  // namespace weir::extensions::transport_sockets
