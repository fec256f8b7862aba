#include "extensions/listener_filters/http_inspector/config.h"

#include <utility>

#include "api/weir/extensions/listener_filters/http_inspector/v1/http_inspector.pb.h"
#include "extensions/listener_filters/http_inspector/http_inspector.h"
#include "source/config/fields.h"

namespace weir::extensions::listener_filters::http_inspector {

std::shared_ptr<const network::ListenerFilterFactory> HttpInspectorExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::HttpInspector&>(config);
  HttpInspectorConfig to;
  to.listener = std::string(context.listener_name);
  to.timeout = config::readDuration(from.has_timeout() ? &from.timeout() : nullptr, to.timeout,
                                    {std::chrono::milliseconds(10), std::chrono::seconds(60)},
                                    at.field("timeout"));
  return std::make_shared<HttpInspectorFactory>(std::move(to));
}

}  // namespace weir::extensions::listener_filters::http_inspector
