#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::udp_filters::udp_proxy {

// Registers udp_filters/udp_proxy. Immutable.
class UdpProxyExtension final : public config::UdpFilterExtension {
 public:
  std::string_view name() const override { return "udp_proxy"; }
  std::string_view configType() const override {
    return "weir.extensions.udp_filters.udp_proxy.v1.UdpProxy";
  }
  std::shared_ptr<const network::UdpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::udp_filters::udp_proxy
