#include "source/router/forward_actions.h"

#include "source/base/ascii.h"
#include "source/http/forwarded_headers.h"
#include "source/http/semantics.h"
#include "source/router/path_rewriter.h"
#include "source/router/route_actions.h"

namespace weir::router {
namespace {

using http::HeaderId;

constexpr std::string_view kOriginalPath = "x-weir-original-path";

bool rewritePath(const RouteActions& actions, http::FilterChainContext& context) {
  const http::RequestHead& head = context.request;
  if (actions.path == nullptr) return true;
  http::StreamInfo& info = context.info;
  const std::string_view routed = info.routed_path.empty() ? head.path : info.routed_path;
  const std::string_view target = rewriteTarget(*actions.path, head.path, routed, context.arena);
  if (target.empty() && !head.path.empty()) return false;
  if (target != head.path) info.upstream_path = target;
  return true;
}

// Empty: it stays. In the stream's arena, or as old as the route.
std::string_view hostFor(const HostRewrite& rewrite, http::FilterChainContext& context) {
  const http::RequestHead& head = context.request;
  switch (rewrite.kind) {
    case HostRewrite::Kind::kLiteral:
      return context.arena.copy(rewrite.text);
    case HostRewrite::Kind::kHeader:
      return context.arena.copy(head.headers.get(rewrite.text));
    case HostRewrite::Kind::kPathRegex: {
      const std::string_view path = head.pathWithoutQuery();
      if (!rewrite.regex->pattern.partialMatch(path)) return {};
      const std::string host = replaced(*rewrite.regex, path);
      // One that is empty is not valid, but means something else to our caller.
      return host.empty() ? std::string_view(":") : context.arena.copy(host);
    }
  }
  return {};
}

bool rewriteHost(const RouteActions& actions, http::FilterChainContext& context) {
  if (!actions.host) return true;
  http::RequestHead& head = context.request;
  const std::string_view host = hostFor(*actions.host, context);
  if (host.empty()) return true;
  if (!http::isAuthority(host)) return false;
  if (host == head.authority) return true;
  context.info.upstream_authority = host;
  http::HeaderMap& headers = head.headers;
  if (actions.host->append_forwarded_host &&
      http::nthFromRight(headers, HeaderId::kXForwardedHost, 1) != head.authority) {
    http::appendForwardedHost(headers, head.authority);
  }
  return true;
}

void sayOriginalPath(const RouteActions& actions, http::FilterChainContext& context) {
  if (!actions.original_path_header) return;
  http::HeaderMap& headers = context.request.headers;
  context.info.upstream_path.empty() ? static_cast<void>(headers.remove(kOriginalPath))
                                     : headers.set(kOriginalPath, context.request.path);
}

}  // namespace

std::string_view actOnRequest(const RouteEntry& route, const http::HeaderRules* manager,
                              http::FilterChainContext& context) {
  context.info.upstream_path = context.info.upstream_authority = {};
  const RouteActions* const actions = route.actions.get();
  if (actions != nullptr) {
    if (!rewritePath(*actions, context)) return "path_rewrite_invalid";
    if (!rewriteHost(*actions, context)) return "host_rewrite_invalid";
    sayOriginalPath(*actions, context);
  }
  const http::LogEntry entry{context.request, context.response, context.response_trailers,
                             context.info};
  if (manager != nullptr) manager->apply(entry, context.request.headers);
  if (actions == nullptr) return {};
  for (const auto& rules : actions->request_headers) rules->apply(entry, context.request.headers);
  return {};
}

}  // namespace weir::router
