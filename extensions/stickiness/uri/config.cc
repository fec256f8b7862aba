#include "extensions/stickiness/uri/config.h"

#include "api/weir/extensions/stickiness/uri/v1/uri.pb.h"
#include "extensions/stickiness/uri/uri.h"
#include "source/config/fields.h"
#include "source/config/sticky_options.h"

namespace weir::extensions::stickiness::uri {

std::shared_ptr<const upstream::StickinessFactory> UriExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::Uri&>(config);
  Options options;
  switch (from.by_case()) {
    case v1::Uri::kPathSegments:
      options.segments = static_cast<uint32_t>(
          config::readNumber(from.path_segments(), {0, 64}, at.field("path_segments")));
      break;
    case v1::Uri::kQueryParameter:
      config::require(from.query_parameter(), at.field("query_parameter"),
                      "name the parameter, as in query_parameter: \"user\"");
      options.parameter = from.query_parameter();
      break;
    case v1::Uri::BY_NOT_SET:
      at.error("says neither how many segments of the path count nor which parameter",
               "add path_segments: 1, or query_parameter: \"user\"");
      break;
  }
  options.limits = config::readStickyTable(from.table(), at.field("table"));
  return makeFactory(options);
}

}  // namespace weir::extensions::stickiness::uri
