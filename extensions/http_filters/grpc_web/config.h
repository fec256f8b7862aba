#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::http_filters::grpc_web {

// Registers http_filters/grpc_web. Immutable.
class GrpcWebExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "grpc_web"; }
  std::string_view configType() const override {
    return "weir.extensions.http_filters.grpc_web.v1.GrpcWeb";
  }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::http_filters::grpc_web
