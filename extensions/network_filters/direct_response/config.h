#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::network_filters::direct_response {

// Registers network_filters/direct_response. Immutable.
class DirectResponseExtension final : public config::NetworkFilterExtension {
 public:
  std::string_view name() const override { return "direct_response"; }
  std::string_view configType() const override {
    return "weir.extensions.network_filters.direct_response.v1.DirectResponse";
  }
  bool terminal() const override { return true; }
  std::shared_ptr<const network::NetworkFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::network_filters::direct_response
