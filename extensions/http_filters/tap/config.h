#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::http_filters::tap {

// Registers http_filters/tap. Immutable.
class TapExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "tap"; }
  std::string_view configType() const override { return "weir.extensions.http_filters.tap.v1.Tap"; }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
  std::shared_ptr<const http::RouteFilterConfig> compileRoute(
      const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
      const config::Cursor& at, config::CompileContext& context) const override;
};

}  // namespace weir::extensions::http_filters::tap
