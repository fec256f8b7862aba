#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::network_filters::tcp_proxy {

// Registers network_filters/tcp_proxy. Immutable.
class TcpProxyExtension final : public config::NetworkFilterExtension {
 public:
  std::string_view name() const override { return "tcp_proxy"; }
  std::string_view configType() const override {
    return "weir.extensions.network_filters.tcp_proxy.v1.TcpProxy";
  }
  bool terminal() const override { return true; }
  std::shared_ptr<const network::NetworkFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::network_filters::tcp_proxy
