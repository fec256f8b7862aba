#pragma once

#include <memory>

#include "source/config/extensions.h"

namespace weir::extensions::listener_filters::proxy_protocol {

// Registers listener_filters/proxy_protocol. Immutable.
class ProxyProtocolExtension final : public config::ListenerFilterExtension {
 public:
  std::string_view name() const override { return "proxy_protocol"; }
  std::string_view configType() const override {
    return "weir.extensions.listener_filters.proxy_protocol.v1.ProxyProtocol";
  }
  std::shared_ptr<const network::ListenerFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::listener_filters::proxy_protocol
