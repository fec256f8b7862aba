#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::http_filters::ip_filter {

// Registers http_filters/ip_filter. Immutable.
class IpFilterExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "ip_filter"; }
  std::string_view configType() const override {
    return "weir.extensions.http_filters.ip_filter.v1.IpFilter";
  }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
  std::shared_ptr<const http::RouteFilterConfig> compileRoute(
      const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
      const config::Cursor& at, config::CompileContext& context) const override;
};

}  // namespace weir::extensions::http_filters::ip_filter
