#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::http_filters::compressor {

// Registers http_filters/compressor. Immutable.
class CompressorExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "compressor"; }
  std::string_view configType() const override {
    return "weir.extensions.http_filters.compressor.v1.Compressor";
  }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
  std::shared_ptr<const http::RouteFilterConfig> compileRoute(
      const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
      const config::Cursor& at, config::CompileContext& context) const override;
  config::FilterOrder order(const google::protobuf::Message&) const override {
    return {.once = "the second one would find everything compressed"};
  }
};

}  // namespace weir::extensions::http_filters::compressor
