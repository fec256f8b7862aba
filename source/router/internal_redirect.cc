#include "source/router/internal_redirect.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "source/base/ascii.h"
#include "source/http/route.h"
#include "source/http/semantics.h"

namespace weir::router {
namespace {

using http::HeaderId;

constexpr std::string_view kOriginalUrl = "x-weir-original-url";

// Of a request. Views live as long as its head.
struct Target {
  std::string_view scheme;
  std::string_view authority;
  std::string_view path;  // with its query
};

template <size_t kSize>
std::string_view joined(const std::array<std::string_view, kSize>& parts, base::Arena& arena) {
  size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  char* const text = static_cast<char*>(arena.allocate(size, 1));
  char* end = text;
  for (const std::string_view part : parts) end = std::copy(part.begin(), part.end(), end);
  return {text, size};
}

// "http", "https" or nothing in front of "://"; any other scheme leads nowhere.
bool readScheme(std::string_view& location, std::string_view& scheme) {
  for (const std::string_view known : {std::string_view("http"), std::string_view("https")}) {
    const bool named = base::startsWithIgnoreCase(location, known) &&
                       location.substr(known.size()).starts_with("://");
    if (!named) continue;
    scheme = known;
    location.remove_prefix(known.size() + 1);
    return true;
  }
  const size_t colon = location.find(':');
  return colon == std::string_view::npos || location.find_first_of("/?#") < colon;
}

// RFC 3986, 5.2: what a reference leads to from where the request was. Dot segments go when the
// path is normalised. False: nowhere that can be asked.
bool resolve(std::string_view location, const http::RequestHead& head, base::Arena& arena,
             Target& target) {
  target = {head.scheme, head.authority, {}};
  location = base::trimOws(location.substr(0, location.find('#')));
  if (!readScheme(location, target.scheme)) return false;
  if (location.starts_with("//")) {
    location.remove_prefix(2);
    target.authority = location.substr(0, location.find_first_of("/?"));
    location.remove_prefix(target.authority.size());
    if (!http::isAuthority(target.authority)) return false;
    target.authority = arena.copy(target.authority);
    target.path = joined<2>({location.starts_with('/') ? "" : "/", location}, arena);
  } else if (location.starts_with('/')) {
    target.path = arena.copy(location);
  } else {
    const std::string_view base = head.pathWithoutQuery();
    const bool query_only = location.empty() || location.starts_with('?');
    const std::string_view folder = query_only ? base : base.substr(0, base.rfind('/') + 1);
    target.path = joined<2>({folder, location}, arena);
  }
  return target.path.starts_with('/') && http::isTarget(target.path);
}

// A user agent makes a GET of these (RFC 9110, 15.4).
bool becomesGet(uint16_t status, const http::RequestHead& head) {
  if (head.isHead() || base::isExactly(head.method, "GET")) return false;
  return status == 303 ||
         ((status == 301 || status == 302) && base::isExactly(head.method, "POST"));
}

bool allowed(const InternalRedirectPolicy& policy, const Target& target,
             const http::RequestHead& head) {
  if (target.scheme != head.scheme && !policy.other_schemes) return false;
  return policy.other_hosts || base::equalsIgnoreCase(target.authority, head.authority);
}

void point(http::RequestHead& head, const Target& target) {
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
void rewrite(const Target& before, http::FilterChainContext& context) {
  http::RequestHead& head = context.request;
  http::StreamInfo& info = context.info;
  if (info.internal_redirects == 0) {
    head.headers.set(kOriginalUrl,
                     joined<4>({before.scheme, "://", before.authority, before.path}, head.arena));
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
  Target target;
  if (!resolve(context.response.headers.get(HeaderId::kLocation), head, head.arena, target) ||
      !allowed(policy, target, head)) {
    return false;
  }
  const Target before{head.scheme, head.authority, head.path};
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
