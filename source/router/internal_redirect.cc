#include "source/router/internal_redirect.h"

#include <algorithm>
#include <string_view>

#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/http/route.h"
#include "source/http/semantics.h"
#include "source/router/redirect_target.h"

namespace weir::router {
namespace {

using http::HeaderId;

constexpr std::string_view kOriginalUrl = "x-weir-original-url";

// A user agent makes a GET of these (RFC 9110, 15.4).
bool becomesGet(uint16_t status, const http::RequestHead& head) {
  if (head.isHead() || base::isExactly(head.method, "GET")) return false;
  return status == 303 ||
         ((status == 301 || status == 302) && base::isExactly(head.method, "POST"));
}

bool allowed(const InternalRedirectPolicy& policy, const RedirectTarget& target,
             const http::RequestHead& head) {
  if (target.scheme != head.scheme && !policy.other_schemes) return false;
  return policy.other_hosts || base::equalsIgnoreCase(target.authority, head.authority);
}

void point(http::RequestHead& head, const RedirectTarget& target) {
  head.scheme = target.scheme;
  head.authority = target.authority;
  head.path = target.path;
}

// The route that it leads to, as the head and what goes by it are now.
bool routeAllowed(const InternalRedirectPolicy& policy, http::FilterChain& chain) {
  chain.clearRouteCache();
  const http::Route* const route = chain.route();
  if (route == nullptr) return false;
  return policy.routes.empty() || std::find(policy.routes.begin(), policy.routes.end(),
                                            route->name()) != policy.routes.end();
}

void makeGet(http::FilterChainContext& context) {
  http::RequestHead& head = context.request;
  head.method = "GET";
  head.framing = http::BodyFraming::kNone;
  head.content_length = 0;
  head.expects_continue = false;
  context.request_trailers.clear();
  for (const HeaderId id : {HeaderId::kContentEncoding, HeaderId::kContentLength,
                            HeaderId::kContentType, HeaderId::kExpect, HeaderId::kTrailer}) {
    head.headers.remove(id);
  }
}

// What the new request says that the old one did not.
void rewrite(const RedirectTarget& before, http::FilterChainContext& context) {
  http::RequestHead& head = context.request;
  http::StreamInfo& info = context.info;
  if (info.internal_redirects == 0) {
    head.headers.set(kOriginalUrl,
                     base::concat(before.scheme, "://", before.authority, before.path));
  }
  if (!base::equalsIgnoreCase(before.authority, head.authority)) {
    if (head.headers.has(HeaderId::kHost)) head.headers.setView(HeaderId::kHost, head.authority);
    head.headers.remove(HeaderId::kAuthorization);
    head.headers.remove(HeaderId::kCookie);
  }
  // The new route's to say.
  info.upstream_path = info.upstream_authority = {};
  ++info.internal_redirects;
  info.addFlag(http::ResponseFlag::kInternalRedirect);
}

}  // namespace

bool followRedirect(const InternalRedirectPolicy& policy, uint16_t status, http::FilterChain& chain,
                    bool& keeps_body) {
  http::FilterChainContext& context = chain.context();
  http::RequestHead& head = context.request;
  if (!policy.follows(status) || context.info.internal_redirects >= policy.max) return false;
  if (!chain.mayRestartRequest() || !head.upgrade.empty() || head.isConnect()) return false;
  if (context.response.headers.count(HeaderId::kLocation) != 1) return false;
  RedirectTarget target;
  if (!resolveReference(context.response.headers.get(HeaderId::kLocation), head, target) ||
      !allowed(policy, target, head)) {
    return false;
  }
  const RedirectTarget before{head.scheme, head.authority, head.path};
  const std::string_view method = head.method;
  keeps_body = !becomesGet(status, head);
  point(head, target);
  if (!keeps_body) head.method = "GET";
  const bool fit = http::normalisePath(head, {}).reason == http::ErrorReason::kNone;
  if (!fit || !routeAllowed(policy, chain)) {
    point(head, before);
    head.method = method;
    chain.clearRouteCache();
    chain.route();
    return false;
  }
  if (!keeps_body) makeGet(context);
  rewrite(before, context);
  return true;
}

}  // namespace weir::router
