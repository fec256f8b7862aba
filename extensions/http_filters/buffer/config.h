#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::http_filters::buffer_ {

// Registers http_filters/buffer. Immutable.
class BufferExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "buffer"; }
  std::string_view configType() const override {
    return "weir.extensions.http_filters.buffer.v1.Buffer";
  }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
  std::shared_ptr<const http::RouteFilterConfig> compileRoute(
      const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
      const config::Cursor& at, config::CompileContext& context) const override;
};

}  // namespace weir::extensions::http_filters::buffer_
