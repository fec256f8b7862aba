#pragma once

#include <memory>

#include "source/network/transport_socket.h"

namespace weir::extensions::transport_sockets::tls {

struct ServerOptions;

// Makes the TLS of accepted connections. Immutable.
class ServerTransportFactory final : public network::TransportSocketFactory {
 public:
  explicit ServerTransportFactory(std::shared_ptr<const ServerOptions> options);
  ~ServerTransportFactory() override;

  std::unique_ptr<network::WorkerTransportSocketFactory> bind(
      base::ServiceMap& services) const override;
  bool secure() const override { return true; }
  std::chrono::milliseconds handshakeTimeout() const override;

 private:
  const std::shared_ptr<const ServerOptions> options_;
};

}  // namespace weir::extensions::transport_sockets::tls
