#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::http_filters::basic_auth {

// Registers http_filters/basic_auth. Immutable.
class BasicAuthExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "basic_auth"; }
  std::string_view configType() const override {
    return "weir.extensions.http_filters.basic_auth.v1.BasicAuth";
  }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
  std::shared_ptr<const http::RouteFilterConfig> compileRoute(
      const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
      const config::Cursor& at, config::CompileContext& context) const override;
};

}  // namespace weir::extensions::http_filters::basic_auth
