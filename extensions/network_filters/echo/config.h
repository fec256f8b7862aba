#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::network_filters::echo {

// Registers network_filters/echo. Immutable.
class EchoExtension final : public config::NetworkFilterExtension {
 public:
  std::string_view name() const override { return "echo"; }
  std::string_view configType() const override {
    return "weir.extensions.network_filters.echo.v1.Echo";
  }
  bool terminal() const override { return true; }
  std::shared_ptr<const network::NetworkFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::network_filters::echo
