#pragma once

#include <memory>
#include <string>
#include <utility>

#include "extensions/transport_sockets/proxy_protocol/client_header.h"
#include "source/network/plain_transport.h"
#include "source/network/transport_socket.h"

namespace weir::extensions::transport_sockets::proxy_protocol {

// Sends a header on the bare descriptor as soon as it is connected; from there on it is the
// transport inside. Worker-confined.
class ProxyProtocolSocket final : public network::TransportSocket {
 public:
  // `inner` null: plain.
  ProxyProtocolSocket(std::string header, std::unique_ptr<network::TransportSocket> inner)
      : header_(std::move(header)), inner_(std::move(inner)) {}

  void attach(int fd, network::TransportHost& host) override;
  void unread(buffer::Buffer& early) override { inner().unread(early); }
  network::IoResult handshake() override;
  bool wantsWrite() const override { return !sent() || inner().wantsWrite(); }
  bool waitsForTurn() const override { return sent() && inner().waitsForTurn(); }
  network::IoResult read(std::span<char> out) override { return inner().read(out); }
  network::IoResult write(buffer::Buffer& data) override { return inner().write(data); }
  network::IoResult shutdownWrite() override { return inner().shutdownWrite(); }
  bool bytesAreRaw() const override { return inner().bytesAreRaw(); }
  std::string_view applicationProtocol() const override { return inner().applicationProtocol(); }
  const network::SecurityInfo* security() const override { return inner().security(); }
  std::string reason() const override { return inner().reason(); }

 private:
  bool sent() const { return sent_ == header_.size(); }
  network::TransportSocket& inner() { return inner_ ? *inner_ : plain_; }
  const network::TransportSocket& inner() const {
    return const_cast<ProxyProtocolSocket*>(this)->inner();
  }

  std::string header_;
  size_t sent_ = 0;  // of it
  std::unique_ptr<network::TransportSocket> inner_;
  network::PlainTransport plain_;
  int fd_ = -1;
};

// Immutable.
class ProxyProtocolFactory final : public network::TransportSocketFactory {
 public:
  ProxyProtocolFactory(ProxyProtocolConfig config,
                       std::shared_ptr<const network::TransportSocketFactory> inner)
      : config_(std::make_shared<const ProxyProtocolConfig>(std::move(config))),
        inner_(std::move(inner)) {}

  std::unique_ptr<network::WorkerTransportSocketFactory> bind(
      base::ServiceMap& services) const override;
  bool secure() const override { return inner_->secure(); }
  network::TransportNeeds needs() const override;

 private:
  const std::shared_ptr<const ProxyProtocolConfig> config_;
  const std::shared_ptr<const network::TransportSocketFactory> inner_;
};

}  // namespace weir::extensions::transport_sockets::proxy_protocol
