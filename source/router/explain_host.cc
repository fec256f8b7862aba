#include "source/router/explain_host.h"

#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/base/regex.h"
#include "source/http/path_template.h"
#include "source/router/host_index.h"
#include "source/router/route_conditions.h"

namespace weir::router {
namespace {

std::string quoted(std::string_view text, const PathMatch& match) {
  return base::concat("\"", text, "\"", match.ignore_case ? " in any case" : "");
}

bool startsWith(const PathMatch& match, std::string_view path) {
  return match.ignore_case ? base::startsWithIgnoreCase(path, match.text)
                           : path.starts_with(match.text);
}

// Empty: the path matches.
std::string pathFailure(const RouteEntry& route, std::string_view path) {
  const PathMatch& match = route.match;
  switch (match.kind) {
    case PathMatch::Kind::kExact:
      if (startsWith(match, path) && path.size() == match.text.size()) return {};
      return base::concat("the path is not ", quoted(match.text, match));
    case PathMatch::Kind::kPrefix:
      if (startsWith(match, path)) return {};
      return base::concat("the path does not begin with ", quoted(match.text, match));
    case PathMatch::Kind::kSegmentPrefix: {
      const bool border = match.text.ends_with('/') || path.size() == match.text.size() ||
                          (path.size() > match.text.size() && path[match.text.size()] == '/');
      if (startsWith(match, path) && border) return {};
      return base::concat("the path is neither ", quoted(match.text, match), " nor below it");
    }
    case PathMatch::Kind::kRegex: {
      const auto regex =
          base::Regex::compile(match.ignore_case ? base::concat("(?i)", match.text) : match.text);
      if (regex.ok() && regex->fullMatch(path)) return {};
      return base::concat("the path does not match the regular expression ",
                          quoted(match.text, match));
    }
    case PathMatch::Kind::kTemplate:
      if (route.path_template->matches(path)) return {};
      return base::concat("the path does not have the shape ", quoted(match.text, match));
  }
  return {};
}

std::string_view reasonFor(std::string_view domain) {
  if (domain == "*") return "takes every host for which there is nothing better";
  if (domain.starts_with("*.")) return "is the longest suffix that fits the host";
  if (domain.ends_with(".*")) return "is the longest prefix that fits the host";
  return "is the host";
}

}  // namespace

RouteExplanation explainHost(const VirtualHost& host, std::string_view path,
                             const http::RequestHead& head, const http::StreamInfo& info) {
  RouteExplanation explanation{.host = &host};
  HostIndex domains;
  for (uint32_t i = 0; i < host.domains.size(); ++i) (void)domains.add(host.domains[i], i);
  const uint32_t domain = domains.find(head.authority);
  if (domain != HostIndex::kNone) {
    explanation.domain = host.domains[domain];
    explanation.why = reasonFor(explanation.domain);
  }
  for (uint32_t i = 0; i < host.routes.size(); ++i) {
    const RouteEntry& route = host.routes[i];
    RouteExplanation::Considered& considered = explanation.routes.emplace_back(
        RouteExplanation::Considered{.route = &route, .position = i});
    considered.reason = pathFailure(route, path);
    if (considered.reason.empty() && route.conditions != nullptr) {
      considered.reason = route.conditions->firstFailure(head, info);
    }
    if (!considered.reason.empty()) continue;
    explanation.found = &route;
    break;
  }
  return explanation;
}

}  // namespace weir::router
