#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::http_filters::static_files {

// Registers http_filters/static_files. Immutable.
class StaticFilesExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "static_files"; }
  std::string_view configType() const override {
    return "weir.extensions.http_filters.static_files.v1.StaticFiles";
  }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
  std::shared_ptr<const http::RouteFilterConfig> compileRoute(
      const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
      const config::Cursor& at, config::CompileContext& context) const override;
};

}  // namespace weir::extensions::http_filters::static_files
