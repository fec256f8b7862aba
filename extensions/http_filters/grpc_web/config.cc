#include "extensions/http_filters/grpc_web/config.h"

#include "api/weir/extensions/http_filters/grpc_web/v1/grpc_web.pb.h"
#include "extensions/http_filters/grpc_web/grpc_web.h"

namespace weir::extensions::http_filters::grpc_web {

std::shared_ptr<const http::HttpFilterFactory> GrpcWebExtension::compile(
    const google::protobuf::Message& config, const config::Cursor&,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::GrpcWeb&>(config);
  const std::string name =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  const auto counter = [&](std::string_view metric, std::string_view help) {
    return context.stats.counter(metric, help, {{"filter", name}});
  };
  return std::make_shared<GrpcWebFilterFactory>(GrpcWebStats{
      .requests = counter("grpc_web_requests_total", "Requests in binary gRPC-Web."),
      .text_requests = counter("grpc_web_text_requests_total", "Requests in gRPC-Web as text."),
      .malformed_requests = counter("grpc_web_malformed_requests_total",
                                    "Requests refused because their text was not base64."),
      .malformed_responses = counter("grpc_web_malformed_responses_total",
                                     "Answers cut off because they were not made of whole gRPC "
                                     "messages."),
      .foreign_responses = counter("grpc_web_foreign_responses_total",
                                   "Answers that were not gRPC and became a status."),
      .missing_status = counter("grpc_web_missing_status_total",
                                "gRPC answers without a status, which became UNKNOWN."),
  });
}

}  // namespace weir::extensions::http_filters::grpc_web
