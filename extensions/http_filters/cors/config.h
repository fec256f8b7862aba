#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::http_filters::cors {

// Registers http_filters/cors. Immutable.
class CorsExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "cors"; }
  std::string_view configType() const override {
    return "weir.extensions.http_filters.cors.v1.Cors";
  }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
  std::shared_ptr<const http::RouteFilterConfig> compileRoute(
      const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
      const config::Cursor& at, config::CompileContext& context) const override;
  config::FilterOrder order(const google::protobuf::Message&) const override {
    return {.once = "each would take the other's fields off",
            .before = {{"jwt_auth", "preflights bring no credentials"},
                       {"basic_auth", "preflights bring no credentials"},
                       {"api_key", "preflights bring no credentials"},
                       {"ext_authz", "preflights bring no credentials"}}};
  }
};

}  // namespace weir::extensions::http_filters::cors
