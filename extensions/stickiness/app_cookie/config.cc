#include "extensions/stickiness/app_cookie/config.h"

#include "api/weir/extensions/stickiness/app_cookie/v1/app_cookie.pb.h"
#include "extensions/stickiness/app_cookie/app_cookie.h"
#include "source/config/fields.h"
#include "source/config/sticky_options.h"
#include "source/http/semantics.h"

namespace weir::extensions::stickiness::app_cookie {

std::shared_ptr<const upstream::StickinessFactory> AppCookieExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::AppCookie&>(config);
  Options options;
  const config::Cursor name = at.field("name");
  if (config::require(from.name(), name, "name the cookie, as in name: \"JSESSIONID\"") &&
      !http::isToken(from.name())) {
    name.error("is not a name that a cookie can have",
               "use letters, digits and signs such as - and _, without spaces");
  }
  options.name = from.name();
  options.most_bytes = config::readNumberOr(from.max_id_bytes(), options.most_bytes, {1, 4096},
                                            at.field("max_id_bytes"));
  options.from_requests = from.learn_from_requests();
  options.limits = config::readStickyTable(from.table(), at.field("table"));
  return makeFactory(options);
}

}  // namespace weir::extensions::stickiness::app_cookie
