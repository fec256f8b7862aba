#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::transport_sockets::tls {

// Registers transport_sockets/tls: TLS of clients ends at a listener's filter chain. Immutable.
class TlsExtension final : public config::TransportSocketExtension {
 public:
  std::string_view name() const override { return "tls"; }
  std::string_view configType() const override {
    return "weir.extensions.transport_sockets.tls.v1.Tls";
  }
  std::shared_ptr<const network::TransportSocketFactory> compile(
      const google::protobuf::Message& config, bool downstream, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::transport_sockets::tls
