// What routes do to requests and responses: headers, limits, rewriting, redirects, direct
// responses.
#include "source/config/route_action_compiler.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "api/weir/config/v1/route.pb.h"
#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/config/header_rules_compiler.h"
#include "source/http/format.h"
#include "source/http/semantics.h"
#include "source/router/path_rewriter.h"

namespace weir::config {
namespace {

using router::PathMatch;
using router::PathRewrite;
using router::RouteActions;
using std::chrono::milliseconds;

constexpr size_t kMaxBodyBytes = 64 * 1024;
constexpr NumberRange kWaitingBytes = {1024, 16 * 1024 * 1024};

std::optional<router::RegexRewrite> compileRegexRewrite(const v1::RegexRewrite& from,
                                                        const Cursor& at) {
  if (!require(from.pattern(), at.field("pattern"), "write a regular expression")) return {};
  auto pattern = base::Regex::compile(from.pattern());
  if (!pattern.ok()) {
    report(pattern.status(), at.field("pattern"));
    return {};
  }
  const absl::Status suits = pattern->checkRewrite(from.substitution());
  if (!suits.ok()) {
    at.field("substitution")
        .error(std::string(base::view(suits.message())),
               base::concat("groups go up to \\", pattern->groups(),
                            "; in a configuration file a backslash is written twice"));
    return {};
  }
  return router::RegexRewrite{*std::move(pattern), from.substitution(), from.all()};
}

bool checkPlainPath(const std::string& path, const Cursor& at) {
  if (router::isUnambiguousPath(path)) return true;
  at.error(base::concat("\"", path, "\" is not a path"),
           "begin it with \"/\", leave out query, \".\" and \"..\", and percent-encode what is not "
           "allowed in a path");
  return false;
}

// What a prefix would take the place of. Empty after saying why there is nothing.
std::string matchedBy(const PathMatch& match, const std::string& prefix, const Cursor& at) {
  if (match.kind == PathMatch::Kind::kRegex || match.kind == PathMatch::Kind::kTemplate) {
    at.error("the route's match has no prefix that could be replaced",
             "match by prefix, segment_prefix or path, or rewrite by regex or path_template");
    return {};
  }
  if (match.kind == PathMatch::Kind::kPrefix && match.text.ends_with('/') &&
      !prefix.ends_with('/')) {
    at.error(base::concat("\"", match.text, "x\" would become \"", prefix, "x\""),
             base::concat("write \"", prefix, "/\""));
  }
  return match.text;
}

// "/a/{b}/c" into pieces.
void compileTemplate(const std::string& text, const PathMatch& match, const Cursor& at,
                     PathRewrite& to) {
  if (match.kind != PathMatch::Kind::kTemplate) {
    return at.error("the route's match captures nothing", "match by path_template");
  }
  auto shape = http::PathTemplate::parse(match.text, match.ignore_case);
  if (!shape.ok()) return;  // its own field has said so
  to.shape = std::make_shared<const http::PathTemplate>(*std::move(shape));
  std::string_view left = text;
  std::string plain;
  while (!left.empty()) {
    const size_t open = left.find_first_of("{}");
    PathRewrite::Piece piece{std::string(left.substr(0, open)), {}};
    plain += piece.text;
    left.remove_prefix(std::min(open, left.size()));
    if (!left.empty()) {
      const size_t close = left.find('}');
      if (left[0] == '}' || close == std::string_view::npos) {
        return at.error("a brace is alone", "write \"{NAME}\" for what the route has captured");
      }
      piece.capture = left.substr(1, close - 1);
      plain += 'x';
      left.remove_prefix(close + 1);
      if (!to.shape->hasCapture(piece.capture)) {
        return at.error(base::concat("the route captures no \"", piece.capture, "\""),
                        base::concat("use names of \"", match.text, "\""));
      }
    }
    to.pieces.push_back(std::move(piece));
  }
  if (checkPlainPath(plain, at)) return;
}

std::shared_ptr<const PathRewrite> compilePathRewrite(const v1::PathRewrite& from,
                                                      const PathMatch& match, const Cursor& at) {
  PathRewrite to;
  switch (from.how_case()) {
    case v1::PathRewrite::kPrefix:
      to.kind = PathRewrite::Kind::kPrefix;
      to.text = from.prefix();
      if (!checkPlainPath(to.text, at.field("prefix"))) break;
      to.matched = matchedBy(match, to.text, at.field("prefix"));
      break;
    case v1::PathRewrite::kPath:
      to.kind = PathRewrite::Kind::kPath;
      to.text = from.path();
      checkPlainPath(to.text, at.field("path"));
      break;
    case v1::PathRewrite::kRegex:
      to.kind = PathRewrite::Kind::kRegex;
      to.regex = compileRegexRewrite(from.regex(), at.field("regex"));
      break;
    case v1::PathRewrite::kPathTemplate:
      to.kind = PathRewrite::Kind::kTemplate;
      compileTemplate(from.path_template(), match, at.field("path_template"), to);
      break;
    case v1::PathRewrite::HOW_NOT_SET:
      at.error("does not say how", "give one of prefix, path, regex, path_template");
      break;
  }
  return std::make_shared<const PathRewrite>(std::move(to));
}

router::HostRewrite compileHostRewrite(const v1::HostRewrite& from, const Cursor& at) {
  using Kind = router::HostRewrite::Kind;
  router::HostRewrite to;
  to.append_forwarded_host = from.append_forwarded_host();
  switch (from.to_case()) {
    case v1::HostRewrite::kHost:
      to.text = from.host();
      if (!http::isAuthority(to.text)) {
        at.field("host").error(base::concat("\"", to.text, "\" is not a host"),
                               "write \"host\" or \"host:port\"");
      }
      break;
    case v1::HostRewrite::kHeader:
      to.kind = Kind::kHeader;
      to.text = from.header();
      if (!http::isToken(to.text)) {
        at.field("header").error(base::concat("\"", to.text, "\" cannot be the name of a field"),
                                 "use letters, digits, \"-\" and \"_\"");
      }
      break;
    case v1::HostRewrite::kPathRegex:
      to.kind = Kind::kPathRegex;
      to.regex = compileRegexRewrite(from.path_regex(), at.field("path_regex"));
      break;
    case v1::HostRewrite::TO_NOT_SET:
      at.error("does not say to which host", "give one of host, header, path_regex");
      break;
  }
  return to;
}

void compileLimits(const v1::ExchangeLimits& from, const Cursor& at, http::ExchangeRules& to) {
  if (from.has_max_stream_duration()) {
    to.max_stream_duration = readDuration(&from.max_stream_duration(), milliseconds(0),
                                          {milliseconds(0)}, at.field("max_stream_duration"));
  }
  if (from.has_request()) {
    to.request_timeout =
        readDuration(&from.request(), milliseconds(0), {milliseconds(0)}, at.field("request"));
  }
  if (from.has_max_request_body_bytes()) to.max_request_body_bytes = from.max_request_body_bytes();
}

template <class Message>
void compileCommon(const Message& from, const Cursor& at, RouteActions& to) {
  if (auto rules = compileHeaderRules(from.request_headers(), at.field("request_headers"))) {
    to.request_headers.push_back(std::move(rules));
  }
  if (auto rules = compileHeaderRules(from.response_headers(), at.field("response_headers"))) {
    to.exchange.response_headers.push_back(std::move(rules));
  }
  compileLimits(from.limits(), at.field("limits"), to.exchange);
}

// A route with limits or waits of its own; the router minds its idle_timeout, a second before the
// connection manager would.
void compileForwarding(const v1::RouteAction& from, const router::RouteEntry& entry,
                       const Cursor& at, RouteActions& to) {
  if (from.has_rewrite()) {
    to.path = compilePathRewrite(from.rewrite(), entry.match, at.field("rewrite"));
  }
  if (from.has_host_rewrite()) {
    to.host = compileHostRewrite(from.host_rewrite(), at.field("host_rewrite"));
  }
  to.original_path_header = from.original_path_header();
  to.max_waiting_body_bytes =
      static_cast<uint32_t>(readNumberOr(from.max_waiting_body_bytes(), to.max_waiting_body_bytes,
                                         kWaitingBytes, at.field("max_waiting_body_bytes")));
  if (entry.cluster.idle_timeout.count() > 0) {
    to.exchange.stream_idle = entry.cluster.idle_timeout + std::chrono::seconds(1);
  }
}

bool saysNothing(const RouteActions& actions) {
  return !actions.exchange.limited() && actions.exchange.response_headers.empty() &&
         actions.request_headers.empty() && actions.path == nullptr && !actions.host &&
         !actions.original_path_header &&
         actions.max_waiting_body_bytes == RouteActions::kDefaultWaitingBytes;
}

void checkRedirectStatus(const v1::Redirect& from, const Cursor& at,
                         router::RedirectAction& action) {
  if (from.status() == 0) return;
  static constexpr uint32_t kStatuses[] = {301, 302, 303, 307, 308};
  if (std::find(std::begin(kStatuses), std::end(kStatuses), from.status()) == std::end(kStatuses)) {
    at.field("status").error(base::concat(from.status(), " is not the status of a redirect"),
                             "use 301, 302, 303, 307 or 308");
  }
  action.status = static_cast<uint16_t>(from.status());
}

void compileRedirectHost(const v1::Redirect& from, const Cursor& at,
                         router::RedirectAction& action) {
  if (!from.scheme().empty()) {
    action.scheme = from.scheme();
    if (from.scheme() != "http" && from.scheme() != "https") {
      at.field("scheme").error(base::concat("there is no redirect to \"", from.scheme(), "\""),
                               "use \"http\" or \"https\"");
    }
  }
  if (!from.host().empty()) {
    action.host = from.host();
    if (!http::isAuthority(from.host())) {
      at.field("host").error(base::concat("\"", from.host(), "\" is not a host"),
                             "write \"host\" or \"host:port\"");
    }
  }
  if (from.port() == 0) return;
  action.port = static_cast<uint16_t>(readNumber(from.port(), {1, 65535}, at.field("port")));
  const size_t bracket = from.host().rfind(']');
  if (from.host().find(':', bracket == std::string::npos ? 0 : bracket) != std::string::npos) {
    at.field("port").error("the host has a port already", "give only one of them");
  }
}

void compileRedirectPath(const v1::Redirect& from, const PathMatch& match, const Cursor& at,
                         router::RedirectAction& action) {
  if (!from.path().empty()) {
    action.path = from.path();
    if (!from.path().starts_with('/') || !http::isTarget(from.path())) {
      at.field("path").error(
          base::concat("\"", from.path(), "\" is not a path"),
          "begin it with \"/\" and percent-encode spaces and control characters");
    }
  }
  if (from.has_rewrite()) {
    action.rewrite = compilePathRewrite(from.rewrite(), match, at.field("rewrite"));
    if (action.path) at.field("rewrite").error("stands beside path", "give only one of them");
  }
  action.strip_query = from.strip_query();
  if (from.query().empty()) return;
  action.query = from.query();
  if (from.query().starts_with('?') || !http::isTarget(from.query())) {
    at.field("query").error(base::concat("\"", from.query(), "\" is not a query"),
                            "write it without \"?\" and percent-encode spaces");
  }
  if (from.strip_query()) at.field("query").error("stands beside strip_query", "remove one");
}

}  // namespace

router::RouteActions compileHostActions(const v1::VirtualHost& from, const Cursor& at) {
  RouteActions actions;
  compileCommon(from, at, actions);
  return actions;
}

std::shared_ptr<const router::RouteActions> compileRouteActions(const v1::Route& from,
                                                                const router::RouteActions& host,
                                                                const router::RouteEntry& entry,
                                                                const Cursor& at) {
  RouteActions actions = host;
  compileCommon(from, at, actions);
  if (from.has_route()) compileForwarding(from.route(), entry, at.field("route"), actions);
  if (!from.has_route() && from.has_request_headers()) {
    at.field("request_headers")
        .error("no request of this route goes anywhere", "use response_headers, or remove it");
  }
  if (saysNothing(actions)) return nullptr;
  return std::make_shared<const RouteActions>(std::move(actions));
}

router::RedirectAction compileRedirect(const v1::Redirect& from, const PathMatch& match,
                                       const Cursor& at) {
  router::RedirectAction action;
  checkRedirectStatus(from, at, action);
  compileRedirectHost(from, at, action);
  compileRedirectPath(from, match, at, action);
  if (!action.scheme && !action.host && !action.path && !action.strip_query && !action.rewrite &&
      !action.query && action.port == 0) {
    at.error("would send every request back to where it came from",
             "give scheme, host, path or strip_query");
  }
  return action;
}

router::DirectResponseAction compileDirectResponse(const v1::DirectResponse& from,
                                                   const Cursor& at) {
  router::DirectResponseAction action;
  if (from.status() == 0) {
    at.field("status").error("is required", "use 200 to 599");
  } else {
    action.status =
        static_cast<uint16_t>(readNumber(from.status(), {200, 599}, at.field("status")));
  }
  const Cursor source = at.field(from.has_body_file() ? "body_file" : "body");
  action.body =
      from.has_body_file() ? readFile(from.body_file(), kMaxBodyBytes, source) : from.body();
  if (action.body.size() > kMaxBodyBytes) {
    source.error("is larger than 64 KiB", "serve large bodies from an origin");
  }
  if (!action.body.empty() && http::statusHasNoBody(action.status)) {
    source.error(base::concat("a response with status ", action.status, " has no body"),
                 "leave it out or use another status");
  }
  if (!from.content_type().empty()) {
    action.content_type = from.content_type();
    if (!http::isFieldValue(from.content_type())) {
      at.field("content_type").error("has control characters", "write a media type: \"text/html\"");
    }
  }
  if (from.format_body()) {
    auto format = http::Format::parse(action.body);
    if (!format.ok()) {
      report(format.status(), source);
    } else {
      action.format = std::make_shared<const http::Format>(*std::move(format));
    }
  }
  return action;
}

}  // namespace weir::config
