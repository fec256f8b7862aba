#include "extensions/http_filters/cache/storable.h"

#include "extensions/http_filters/cache/vary.h"

namespace weir::extensions::http_filters::cache {
namespace {

using http::HeaderId;

// Status codes whose meaning this cache knows, as must-understand asks (RFC 9111 5.2.2.3), and of
// which a complete response is one that can be given again.
bool understood(uint16_t status) {
  switch (status) {
    case 200:
    case 203:
    case 204:
    case 300:
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
    case 400:
    case 401:
    case 403:
    case 404:
    case 405:
    case 410:
    case 414:
    case 451:
    case 500:
    case 501:
    case 502:
    case 503:
    case 504:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string_view whyNotStored(const http::ResponseHead& response, const CacheControl& control,
                              const Freshness& freshness, const RequestFacts& request,
                              SetCookie set_cookie) {
  const uint16_t status = response.status;
  if (status < 200 || status == 206 || status == 304) return "status";
  if (control.must_understand) {
    if (!understood(status)) return "must_understand";
  } else if (control.no_store) {
    return "no_store";
  }
  if (request.control.no_store) return "request_no_store";
  if (control.is_private) return "private";
  if (response.framing == http::BodyFraming::kTunnel) return "tunnel";
  const bool shared = control.is_public || control.s_maxage || control.must_revalidate;
  if (request.authorization && !shared) return "authorization";
  const bool sets_cookies = response.headers.has(HeaderId::kSetCookie);
  if (sets_cookies && set_cookie == SetCookie::kRefuse && !control.is_public && !control.s_maxage) {
    return "set_cookie";
  }
  if (varyIsAny(response.headers)) return "vary_any";
  const bool told = freshness.explicit_lifetime || freshness.heuristic || control.is_public;
  if (!told && !cacheableByDefault(status)) return "no_freshness";
  const bool validates =
      response.headers.has(HeaderId::kETag) || response.headers.has(HeaderId::kLastModified);
  if (freshness.lifetime <= freshness.initial_age || freshness.no_cache) {
    // It could only be used after validation, or stale.
    const bool useful =
        validates || freshness.if_error.count() > 0 || freshness.while_revalidate.count() > 0;
    if (!useful) return freshness.no_cache ? "no_cache" : "no_freshness";
  }
  return {};
}

}  // namespace weir::extensions::http_filters::cache
