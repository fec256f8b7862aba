#include "extensions/stickiness/header/config.h"

#include <string>

#include "api/weir/extensions/stickiness/header/v1/header.pb.h"
#include "extensions/stickiness/header/header.h"
#include "source/base/ascii.h"
#include "source/config/fields.h"
#include "source/config/sticky_options.h"
#include "source/http/semantics.h"

namespace weir::extensions::stickiness::header {
namespace {

// In lower case.
std::string readName(const std::string& name, const config::Cursor& at) {
  if (config::require(name, at, "name the header, as in \"x-session\"") && !http::isToken(name)) {
    at.error("is not a header's name",
             "use letters, digits and signs such as -, without spaces or colon");
  }
  std::string lower;
  for (const char c : name) lower.push_back(base::toLower(c));
  return lower;
}

}  // namespace

std::shared_ptr<const upstream::StickinessFactory> HeaderExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::Header&>(config);
  Options options;
  options.request_header = readName(from.request_header(), at.field("request_header"));
  options.response_header = from.response_header().empty()
                                ? options.request_header
                                : readName(from.response_header(), at.field("response_header"));
  options.most_bytes = config::readNumberOr(from.max_id_bytes(), options.most_bytes, {1, 4096},
                                            at.field("max_id_bytes"));
  options.from_requests = from.learn_from_requests();
  options.limits = config::readStickyTable(from.table(), at.field("table"));
  return makeFactory(options);
}

}  // namespace weir::extensions::stickiness::header
