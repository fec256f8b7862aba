#include "extensions/stickiness/tls_session/config.h"

#include "api/weir/extensions/stickiness/tls_session/v1/tls_session.pb.h"
#include "extensions/stickiness/tls_session/tls_session.h"
#include "source/config/fields.h"
#include "source/config/sticky_options.h"

namespace weir::extensions::stickiness::tls_session {

std::shared_ptr<const upstream::StickinessFactory> TlsSessionExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::TlsSession&>(config);
  Options options;
  options.limits = config::readStickyTable(from.table(), at.field("table"));
  return makeFactory(options);
}

}  // namespace weir::extensions::stickiness::tls_session
