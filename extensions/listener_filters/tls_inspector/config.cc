#include "extensions/listener_filters/tls_inspector/config.h"

#include <utility>

#include "api/weir/extensions/listener_filters/tls_inspector/v1/tls_inspector.pb.h"
#include "extensions/listener_filters/tls_inspector/tls_inspector.h"
#include "source/config/fields.h"

namespace weir::extensions::listener_filters::tls_inspector {

std::shared_ptr<const network::ListenerFilterFactory> TlsInspectorExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::TlsInspector&>(config);
  TlsInspectorConfig to;
  to.listener = std::string(context.listener_name);
  to.raw_after =
      config::readDuration(from.has_raw_after() ? &from.raw_after() : nullptr, to.raw_after,
                           {std::chrono::milliseconds(10)}, at.field("raw_after"));
  return std::make_shared<TlsInspectorFactory>(std::move(to));
}

}  // namespace weir::extensions::listener_filters::tls_inspector
