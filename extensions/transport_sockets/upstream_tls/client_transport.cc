#include "extensions/transport_sockets/upstream_tls/client_transport.h"

#include <utility>

#include "extensions/transport_sockets/upstream_tls/client_side.h"

namespace weir::extensions::transport_sockets::upstream_tls {
namespace {

// Worker-confined.
class WorkerClientTransportFactory final : public network::WorkerTransportSocketFactory {
 public:
  WorkerClientTransportFactory(std::shared_ptr<const ClientOptions> options,
                               base::ServiceMap& services)
      : options_(std::move(options)),
        worker_(&TlsWorker::of(services)),
        cells_(TlsCells::bind(services, {{"cluster", options_->cluster}})) {}

  std::unique_ptr<network::TransportSocket> create(
      const network::TransportTarget& target) override {
    if (!side_ || side_->outdated()) {
      side_ = base::makeLocal<ClientSide>(options_, *worker_, cells_);
    }
    auto socket = std::make_unique<TlsSocket>(side_);
    socket->target().server_name = side_->nameFor(target.server_name);
    return socket;
  }

 private:
  const std::shared_ptr<const ClientOptions> options_;
  const base::LocalRef<TlsWorker> worker_;
  const TlsCells cells_;
  base::LocalRef<ClientSide> side_;
};

}  // namespace

ClientTransportFactory::ClientTransportFactory(std::shared_ptr<const ClientOptions> options)
    : options_(std::move(options)) {}

ClientTransportFactory::~ClientTransportFactory() = default;

std::unique_ptr<network::WorkerTransportSocketFactory> ClientTransportFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerClientTransportFactory>(options_, services);
}

network::TransportNeeds ClientTransportFactory::needs() const {
  return {.server_name = options_->server_name_from_host};
}

}  // namespace weir::extensions::transport_sockets::upstream_tls
