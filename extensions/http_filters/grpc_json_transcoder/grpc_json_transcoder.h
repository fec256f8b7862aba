#pragma once

#include <memory>
#include <utility>

#include "extensions/http_filters/grpc_json_transcoder/transcoding.h"
#include "source/http/filter.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {

// Lets HTTP clients with JSON call gRPC methods. A request that matches a binding goes on as the
// gRPC call it stands for, and the answer comes back as JSON; every other request, those that are
// gRPC already among them, passes unchanged. Immutable.
class GrpcJsonTranscoderFilterFactory final : public http::HttpFilterFactory {
 public:
  explicit GrpcJsonTranscoderFilterFactory(std::shared_ptr<const Transcoding> transcoding)
      : transcoding_(std::move(transcoding)) {}

  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<const Transcoding> transcoding_;
};

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
