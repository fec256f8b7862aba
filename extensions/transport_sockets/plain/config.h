#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::transport_sockets::plain {

// Registers transport_sockets/plain: the bytes as they are, which every connection can move by
// itself (source/network/plain_transport.h). Immutable.
class PlainExtension final : public config::TransportSocketExtension {
 public:
  std::string_view name() const override { return "plain"; }
  std::string_view configType() const override {
    return "weir.extensions.transport_sockets.plain.v1.Plain";
  }
  std::shared_ptr<const network::TransportSocketFactory> compile(
      const google::protobuf::Message& config, bool downstream, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::transport_sockets::plain
