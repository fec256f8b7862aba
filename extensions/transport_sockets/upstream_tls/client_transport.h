#pragma once

#include <memory>

#include "source/network/transport_socket.h"

namespace weir::extensions::transport_sockets::upstream_tls {

struct ClientOptions;

// Makes the TLS of connections to endpoints. Immutable.
class ClientTransportFactory final : public network::TransportSocketFactory {
 public:
  explicit ClientTransportFactory(std::shared_ptr<const ClientOptions> options);
  ~ClientTransportFactory() override;

  std::unique_ptr<network::WorkerTransportSocketFactory> bind(
      base::ServiceMap& services) const override;
  bool secure() const override { return true; }
  network::TransportNeeds needs() const override;

 private:
  const std::shared_ptr<const ClientOptions> options_;
};

}  // namespace weir::extensions::transport_sockets::upstream_tls
