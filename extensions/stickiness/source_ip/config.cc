#include "extensions/stickiness/source_ip/config.h"

#include "api/weir/extensions/stickiness/source_ip/v1/source_ip.pb.h"
#include "extensions/stickiness/source_ip/source_ip.h"
#include "source/config/fields.h"
#include "source/config/sticky_options.h"

namespace weir::extensions::stickiness::source_ip {

std::shared_ptr<const upstream::StickinessFactory> SourceIpExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::SourceIp&>(config);
  Options options;
  config::readPrefixLengths(from, at, options);
  options.limits = config::readStickyTable(from.table(), at.field("table"));
  return makeFactory(options);
}

}  // namespace weir::extensions::stickiness::source_ip
