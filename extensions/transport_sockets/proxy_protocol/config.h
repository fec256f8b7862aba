#pragma once

#include <memory>

#include "source/config/extensions.h"

namespace weir::extensions::transport_sockets::proxy_protocol {

// Registers transport_sockets/proxy_protocol. Immutable.
class ProxyProtocolExtension final : public config::TransportSocketExtension {
 public:
  std::string_view name() const override { return "proxy_protocol"; }
  std::string_view configType() const override {
    return "weir.extensions.transport_sockets.proxy_protocol.v1.ProxyProtocol";
  }
  std::shared_ptr<const network::TransportSocketFactory> compile(
      const google::protobuf::Message& config, bool downstream, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::transport_sockets::proxy_protocol
