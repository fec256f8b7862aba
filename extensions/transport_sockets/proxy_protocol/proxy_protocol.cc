#include "extensions/transport_sockets/proxy_protocol/proxy_protocol.h"

#include <sys/socket.h>

#include <cerrno>

namespace weir::extensions::transport_sockets::proxy_protocol {

namespace {

// Worker-confined.
class WorkerProxyProtocolFactory final : public network::WorkerTransportSocketFactory {
 public:
  WorkerProxyProtocolFactory(std::shared_ptr<const ProxyProtocolConfig> config,
                             std::unique_ptr<network::WorkerTransportSocketFactory> inner)
      : config_(std::move(config)), inner_(std::move(inner)) {}

  std::unique_ptr<network::TransportSocket> create(
      const network::TransportTarget& target) override {
    return std::make_unique<ProxyProtocolSocket>(clientHeader(*config_, target),
                                                 inner_ ? inner_->create(target) : nullptr);
  }

 private:
  const std::shared_ptr<const ProxyProtocolConfig> config_;
  const std::unique_ptr<network::WorkerTransportSocketFactory> inner_;  // null: plain
};

}  // namespace

void ProxyProtocolSocket::attach(int fd, network::TransportHost& host) {
  fd_ = fd;
  inner().attach(fd, host);
}

// Not held back until there is more to send: the endpoint may be the one that speaks first.
network::IoResult ProxyProtocolSocket::handshake() {
  using State = network::IoResult::State;
  while (!sent()) {
    const ssize_t count = ::send(fd_, header_.data() + sent_, header_.size() - sent_, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {0, State::kWouldBlock, 0};
    if (count < 0) return {0, State::kError, errno};
    sent_ += static_cast<size_t>(count);
  }
  if (!header_.empty()) {
    std::string().swap(header_);
    sent_ = 0;
  }
  return inner().handshake();
}

std::unique_ptr<network::WorkerTransportSocketFactory> ProxyProtocolFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerProxyProtocolFactory>(config_, inner_->bind(services));
}

network::TransportNeeds ProxyProtocolFactory::needs() const {
  network::TransportNeeds needs = inner_->needs();
  needs.client = true;
  needs.server_name |= config_->version == 2 && config_->authority;
  return needs;
}

}  // namespace weir::extensions::transport_sockets::proxy_protocol
