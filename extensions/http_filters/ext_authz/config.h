#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::http_filters::ext_authz {

// Registers http_filters/ext_authz. Immutable.
class ExtAuthzExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "ext_authz"; }
  std::string_view configType() const override {
    return "weir.extensions.http_filters.ext_authz.v1.ExtAuthz";
  }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
  std::shared_ptr<const http::RouteFilterConfig> compileRoute(
      const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
      const config::Cursor& at, config::CompileContext& context) const override;
};

}  // namespace weir::extensions::http_filters::ext_authz
