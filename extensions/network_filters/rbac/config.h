#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::network_filters::rbac {

// Registers network_filters/rbac. Immutable.
class RbacExtension final : public config::NetworkFilterExtension {
 public:
  std::string_view name() const override { return "rbac"; }
  std::string_view configType() const override {
    return "weir.extensions.network_filters.rbac.v1.Rbac";
  }
  std::shared_ptr<const network::NetworkFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::network_filters::rbac
