#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {

// Registers http_filters/grpc_json_transcoder. Immutable.
class GrpcJsonTranscoderExtension final : public config::HttpFilterExtension {
 public:
  std::string_view name() const override { return "grpc_json_transcoder"; }
  std::string_view configType() const override {
    return "weir.extensions.http_filters.grpc_json_transcoder.v1.GrpcJsonTranscoder";
  }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
