#include "extensions/stickiness/cookie/attributes.h"

#include "source/base/concat.h"

namespace weir::extensions::stickiness::cookie {

std::string attributesText(const Attributes& attributes) {
  using SameSite = Attributes::SameSite;
  std::string text = base::concat("; Path=", attributes.path);
  if (!attributes.domain.empty()) text += base::concat("; Domain=", attributes.domain);
  if (attributes.ttl.count() > 0) text += base::concat("; Max-Age=", attributes.ttl.count());
  if (attributes.secure) text += "; Secure";
  if (attributes.http_only) text += "; HttpOnly";
  switch (attributes.same_site) {
    case SameSite::kUnsaid:
      break;
    case SameSite::kLax:
      text += "; SameSite=Lax";
      break;
    case SameSite::kStrict:
      text += "; SameSite=Strict";
      break;
    case SameSite::kNone:
      text += "; SameSite=None";
      break;
  }
  for (const std::string& other : attributes.others) text += base::concat("; ", other);
  return text;
}

}  // namespace weir::extensions::stickiness::cookie
