#include "extensions/http_filters/buffer/config.h"

#include <string>

#include "api/weir/extensions/http_filters/buffer/v1/buffer.pb.h"
#include "extensions/http_filters/buffer/buffer_filter.h"
#include "source/config/fields.h"

namespace weir::extensions::http_filters::buffer_ {
namespace {

constexpr uint32_t kMostBytes = 1U << 30;

uint32_t readMost(const buffer::v1::Buffer& from, const config::Cursor& at) {
  return static_cast<uint32_t>(config::readNumberOr(
      from.max_request_bytes(), 1024 * 1024, {1, kMostBytes}, at.field("max_request_bytes")));
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> BufferExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const buffer::v1::Buffer&>(config);
  const std::string name =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  const auto counter = [&](std::string_view metric, std::string_view help) {
    return context.stats.counter(metric, help, {{"filter", name}});
  };
  BufferConfig to;
  to.policy.max_request_bytes = readMost(from, at);
  to.requests = counter("buffer_requests_total", "Requests collected.");
  to.bytes = counter("buffer_bytes_total", "Bytes of requests collected.");
  to.too_large = counter("buffer_too_large_total", "Requests refused as larger than allowed.");
  return std::make_shared<BufferFilterFactory>(to);
}

std::shared_ptr<const http::RouteFilterConfig> BufferExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory&,
    const config::Cursor& at, config::CompileContext&) const {
  const auto& from = static_cast<const buffer::v1::Buffer&>(config);
  if (!from.stat_prefix().empty()) {
    at.field("stat_prefix")
        .error("belongs to the filter, in the connection manager", "leave it out here");
  }
  if (from.max_request_bytes() == 0) {
    at.field("max_request_bytes").error("is missing", "say how much; or disable the filter here");
  }
  auto to = std::make_shared<BufferPolicy>();
  to->max_request_bytes = readMost(from, at);
  return to;
}

}  // namespace weir::extensions::http_filters::buffer_
