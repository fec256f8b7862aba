#include "source/explain/action.h"

#include <chrono>

#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/router/cluster_targets.h"
#include "source/router/path_rewriter.h"
#include "source/router/redirect.h"
#include "source/router/route_actions.h"
#include "source/router/route_conditions.h"

namespace weir::explain {

using base::concat;
using router::PathMatch;
using router::RouteEntry;

namespace {

std::string_view kindName(PathMatch::Kind kind) {
  switch (kind) {
    case PathMatch::Kind::kExact:
      return "path";
    case PathMatch::Kind::kPrefix:
      return "prefix";
    case PathMatch::Kind::kSegmentPrefix:
      return "segment prefix";
    case PathMatch::Kind::kRegex:
      return "regex";
    case PathMatch::Kind::kTemplate:
      return "template";
  }
  return "";
}

std::string howLong(std::chrono::milliseconds time) {
  return time.count() == 0 ? "none" : config::durationText(time);
}

std::string describeRewrite(const router::PathRewrite& rewrite, Request& request) {
  const std::string_view target = router::rewriteTarget(
      rewrite, request.head.path, request.info.routed_path, request.head.arena);
  if (target.empty()) return "refused with 400: it would become what is read in several ways";
  return concat("endpoints are asked for \"", target, "\"");
}

std::string describeHost(const router::HostRewrite& rewrite) {
  switch (rewrite.kind) {
    case router::HostRewrite::Kind::kLiteral:
      return concat("becomes \"", rewrite.text, "\"");
    case router::HostRewrite::Kind::kHeader:
      return concat("becomes what the header ", rewrite.text, " says");
    case router::HostRewrite::Kind::kPathRegex:
      return "becomes what a regex makes of the path";
  }
  return "";
}

}  // namespace

std::string describeMatch(const RouteEntry& route) {
  std::string text = concat(kindName(route.match.kind), " ", route.match.text);
  if (route.match.ignore_case) text += ", in any case";
  if (route.conditions == nullptr) return text;
  const router::RouteConditions& conditions = *route.conditions;
  const size_t count =
      (conditions.methods.empty() ? 0 : 1) + conditions.headers.size() + conditions.query.size() +
      conditions.cookies.size() + (conditions.source ? 1 : 0) + (conditions.tls ? 1 : 0) +
      (conditions.grpc ? 1 : 0) + conditions.metadata.size() + (conditions.fraction ? 1 : 0);
  if (count > 0) text += concat(", and ", count, count == 1 ? " condition" : " conditions");
  return text;
}

OwnAnswer ownAnswerOf(const RouteEntry& route, Request& request) {
  OwnAnswer answer;
  if (route.kind == RouteEntry::Kind::kRedirect) {
    answer.status = route.redirect.status;
    const std::string location(
        router::redirectLocation(route.redirect, request.head, request.head.arena));
    answer.facts.emplace_back("redirect to", location);
    answer.outcome = concat("redirected with ", answer.status, " to ", location);
    return answer;
  }
  answer.status = route.direct.status;
  answer.facts.emplace_back("direct response", std::to_string(answer.status));
  answer.facts.emplace_back("content type", route.direct.content_type);
  answer.facts.emplace_back("body", route.direct.format != nullptr
                                        ? "by a format"
                                        : concat(route.direct.body.size(), " bytes"));
  answer.outcome = concat("answered with ", answer.status, " by the route itself");
  return answer;
}

Facts forwardingOf(const RouteEntry& route, Request& request) {
  const router::ClusterAction& action = route.cluster;
  Facts facts;
  facts.emplace_back("timeout", howLong(action.timeout));
  if (action.idle_timeout.count() > 0) {
    facts.emplace_back("idle timeout", howLong(action.idle_timeout));
  }
  if (action.retry) {
    facts.emplace_back("retries", concat("up to ", action.retry->max_retries));
    if (action.retry->per_try_timeout.count() > 0) {
      facts.emplace_back("per try", howLong(action.retry->per_try_timeout));
    }
  }
  if (action.priority > 0) facts.emplace_back("priority", std::to_string(action.priority));
  for (const auto& [key, value] : action.metadata_match) {
    facts.emplace_back("endpoint metadata", concat(key, " is ", value));
  }
  if (route.actions == nullptr) return facts;
  const router::RouteActions& actions = *route.actions;
  if (actions.path != nullptr) facts.emplace_back("path", describeRewrite(*actions.path, request));
  if (actions.host) facts.emplace_back("host", describeHost(*actions.host));
  if (!actions.request_headers.empty()) facts.emplace_back("request headers", "are changed");
  if (!actions.exchange.response_headers.empty()) {
    facts.emplace_back("response headers", "are changed");
  }
  return facts;
}

std::vector<Destination> destinationsOf(const RouteEntry& route, const Request& request) {
  if (route.targets == nullptr) return {{route.cluster.cluster, &route.cluster}};
  const router::ClusterTargets& targets = *route.targets;
  if (targets.weighted.empty()) {
    const std::string_view named = request.head.headers.get(targets.header);
    return {
        {std::string(named), &route.cluster, named.empty() ? 0u : 1u, named.empty() ? 0. : 100.}};
  }
  uint64_t sum = 0;
  for (const auto& each : targets.weighted) sum += each.weight;
  std::vector<Destination> all;
  for (const auto& each : targets.weighted) {
    all.push_back({each.cluster, &each.action, each.weight,
                   sum == 0 ? 0. : 100. * each.weight / static_cast<double>(sum)});
  }
  return all;
}

}  // namespace weir::explain
