#include "extensions/transport_sockets/tls/server_transport.h"

#include <utility>

#include "extensions/transport_sockets/tls/server_side.h"

namespace weir::extensions::transport_sockets::tls {
namespace {

// Worker-confined.
class WorkerServerTransportFactory final : public network::WorkerTransportSocketFactory {
 public:
  WorkerServerTransportFactory(std::shared_ptr<const ServerOptions> options,
                               base::ServiceMap& services)
      : options_(std::move(options)),
        worker_(&TlsWorker::of(services)),
        cells_(TlsCells::bind(services, {{"listener", options_->listener}})) {
    if (options_->rate != nullptr) {
      limited_ = std::make_shared<HandshakeGate::Limited>(worker_->gate(), options_->rate);
    }
  }

  std::unique_ptr<network::TransportSocket> create(const network::TransportTarget&) override {
    if (!side_ || side_->outdated()) {
      side_ = base::makeLocal<ServerSide>(options_, *worker_, cells_, limited_);
    }
    return std::make_unique<TlsSocket>(side_);
  }

 private:
  const std::shared_ptr<const ServerOptions> options_;
  const base::LocalRef<TlsWorker> worker_;
  const TlsCells cells_;
  std::shared_ptr<HandshakeGate::Limited> limited_;
  base::LocalRef<ServerSide> side_;
};

}  // namespace

ServerTransportFactory::ServerTransportFactory(std::shared_ptr<const ServerOptions> options)
    : options_(std::move(options)) {}

ServerTransportFactory::~ServerTransportFactory() = default;

std::unique_ptr<network::WorkerTransportSocketFactory> ServerTransportFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerServerTransportFactory>(options_, services);
}

std::chrono::milliseconds ServerTransportFactory::handshakeTimeout() const {
  return options_->handshake_timeout;
}

}  // namespace weir::extensions::transport_sockets::tls
