#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::transport_sockets::upstream_tls {

// Registers transport_sockets/upstream_tls: TLS towards the endpoints of a cluster. Immutable.
class UpstreamTlsExtension final : public config::TransportSocketExtension {
 public:
  std::string_view name() const override { return "upstream_tls"; }
  std::string_view configType() const override {
    return "weir.extensions.transport_sockets.upstream_tls.v1.UpstreamTls";
  }
  std::shared_ptr<const network::TransportSocketFactory> compile(
      const google::protobuf::Message& config, bool downstream, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::transport_sockets::upstream_tls
