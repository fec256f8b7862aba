#include "extensions/stickiness/app_cookie/app_cookie.h"

#include "extensions/stickiness/common/learnt_stickiness.h"
#include "extensions/stickiness/common/set_cookie.h"
#include "source/base/concat.h"
#include "source/http/cookies.h"

namespace weir::extensions::stickiness::app_cookie {

std::shared_ptr<const upstream::StickinessFactory> makeFactory(const Options& options) {
  const std::string& name = options.name;
  return std::make_shared<LearntStickinessFactory>(
      LearntStickinessFactory::Options{.kind = "app_cookie",
                                       .identity = base::concat("app_cookie ", name),
                                       .limits = options.limits},
      SessionIds{
          .in_request =
              [name](const http::HeaderMap& headers) { return http::cookieValue(headers, name); },
          .in_answer =
              [name](const http::HeaderMap& headers) { return setCookieValue(headers, name); },
          .most_bytes = options.most_bytes,
          .from_requests = options.from_requests});
}

}  // namespace weir::extensions::stickiness::app_cookie
