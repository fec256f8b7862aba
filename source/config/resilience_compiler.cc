#include "source/config/resilience_compiler.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "api/weir/config/v1/route.pb.h"
#include "source/base/concat.h"
#include "source/config/cluster_targets_compiler.h"
#include "source/config/fields.h"
#include "source/config/match_compiler.h"
#include "source/config/retry_compiler.h"

namespace weir::config {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kMaxReplayBytes = 1024 * 1024;
constexpr int kMaxMirrors = 8;
constexpr milliseconds kMaxHedgeDelay{60'000};

template <class Message>
uint32_t bodyLimit(const Message& from, uint32_t fallback, const Cursor& at) {
  if (!from.has_max_body_bytes()) return fallback;
  return static_cast<uint32_t>(
      readNumber(from.max_body_bytes(), {0, kMaxReplayBytes}, at.field("max_body_bytes")));
}

double readPart(double value, double fallback, double least, double most, const Cursor& at) {
  if (value == 0) return fallback;
  if (!(value >= least && value <= most)) {
    at.error(base::concat("is not between ", least, " and ", most), "choose one of these");
    return fallback;
  }
  return value;
}

router::MirrorPolicy compileMirror(const v1::Mirror& from, const Compiler& compiler,
                                   const Cursor& at) {
  router::MirrorPolicy mirror;
  if (require(from.cluster(), at.field("cluster"))) {
    compiler.checkCluster(from.cluster(), at.field("cluster"));
  }
  mirror.cluster = from.cluster();
  if (from.has_percentage()) {
    mirror.fraction = compileFraction(from.percentage(), at.field("percentage"));
  }
  mirror.keep_host = from.keep_host();
  mirror.max_body_bytes = bodyLimit(from, mirror.max_body_bytes, at);
  mirror.max_active = static_cast<uint32_t>(
      readNumberOr(from.max_active(), mirror.max_active, {1, 100'000}, at.field("max_active")));
  mirror.timeout = readDuration(from.has_timeout() ? &from.timeout() : nullptr, mirror.timeout,
                                {milliseconds(1)}, at.field("timeout"));
  return mirror;
}

std::vector<router::MirrorPolicy> compileMirrors(const v1::RouteAction& from,
                                                 const Compiler& compiler, const Cursor& at) {
  std::vector<router::MirrorPolicy> mirrors;
  if (from.mirrors_size() > kMaxMirrors) {
    at.field("mirrors").error("has more than 8 mirrors", "leave some out");
  }
  for (int i = 0; i < from.mirrors_size(); ++i) {
    mirrors.push_back(compileMirror(from.mirrors(i), compiler, at.at("mirrors", i)));
  }
  return mirrors;
}

uint32_t compileStatuses(const v1::InternalRedirects& from, uint32_t fallback, const Cursor& at) {
  static constexpr uint32_t kStatuses[] = {301, 302, 303, 307, 308};
  if (from.statuses().empty()) return fallback;
  uint32_t statuses = 0;
  for (int i = 0; i < from.statuses_size(); ++i) {
    const uint32_t status = from.statuses(i);
    if (std::find(std::begin(kStatuses), std::end(kStatuses), status) == std::end(kStatuses)) {
      at.at("statuses", i)
          .error(base::concat(status, " is not the status of a redirect"),
                 "use 301, 302, 303, 307 or 308");
      continue;
    }
    statuses |= router::InternalRedirectPolicy::bit(static_cast<uint16_t>(status));
  }
  return statuses;
}

router::InternalRedirectPolicy compileRedirects(const v1::InternalRedirects& from,
                                                const Cursor& at) {
  router::InternalRedirectPolicy policy;
  policy.statuses = compileStatuses(from, policy.statuses, at);
  policy.max =
      static_cast<uint32_t>(readNumberOr(from.max(), policy.max, {1, 10}, at.field("max")));
  policy.other_hosts = from.other_hosts();
  policy.other_schemes = from.other_schemes();
  for (int i = 0; i < from.routes_size(); ++i) {
    require(from.routes(i), at.at("routes", i), "write the name of a route");
    policy.routes.push_back(from.routes(i));
  }
  policy.max_body_bytes = bodyLimit(from, policy.max_body_bytes, at);
  return policy;
}

void compileDelays(const v1::Hedge& from, milliseconds route_timeout, const Cursor& at,
                   router::HedgePolicy& policy) {
  policy.min_delay =
      readDuration(from.has_min_delay() ? &from.min_delay() : nullptr, policy.min_delay,
                   {milliseconds(1), kMaxHedgeDelay}, at.field("min_delay"));
  policy.max_delay =
      readDuration(from.has_max_delay() ? &from.max_delay() : nullptr, policy.max_delay,
                   {policy.min_delay, kMaxHedgeDelay}, at.field("max_delay"));
  policy.initial_delay =
      readDuration(from.has_initial_delay() ? &from.initial_delay() : nullptr, policy.initial_delay,
                   {milliseconds(1), kMaxHedgeDelay}, at.field("initial_delay"));
  if (route_timeout.count() > 0 && policy.min_delay >= route_timeout) {
    at.field("min_delay")
        .error(
            base::concat("is not shorter than the route's timeout, ", durationText(route_timeout)),
            "shorten it: there would never be a second attempt");
  }
}

// Who must go to one endpoint has no other. Some cluster that it may come to has no stickiness;
// which one a request names nobody knows.
void checkStickiness(const v1::RouteAction& from, const Compiler& compiler, const Cursor& at) {
  const std::vector<std::string> clusters = clustersOf(from);
  const auto sticky = [&](const std::string& name) { return compiler.hasStickiness(name); };
  if (clusters.empty() || !std::all_of(clusters.begin(), clusters.end(), sticky)) return;
  at.error(base::concat("stickiness binds the clients of cluster \"", clusters.front(),
                        "\" to one endpoint: there would never be a second attempt"),
           "remove hedge, or route to a cluster without stickiness");
}

router::HedgePolicy compileHedge(const v1::Hedge& from, milliseconds route_timeout,
                                 const Cursor& at) {
  router::HedgePolicy policy;
  policy.quantile =
      readPart(from.percentile(), policy.quantile * 100, 50, 99.9, at.field("percentile")) / 100;
  compileDelays(from, route_timeout, at, policy);
  policy.min_samples = static_cast<uint32_t>(
      readNumberOr(from.min_samples(), policy.min_samples, {10, 100'000}, at.field("min_samples")));
  policy.budget =
      readPart(from.budget_percent(), policy.budget * 100, 0.1, 100, at.field("budget_percent")) /
      100;
  policy.any_method = from.any_method();
  policy.max_body_bytes = bodyLimit(from, policy.max_body_bytes, at);
  return policy;
}

std::optional<router::RetryPolicy> retryOf(const v1::RouteAction& from,
                                           const std::optional<router::RetryPolicy>& fallback,
                                           milliseconds timeout, const Cursor& at) {
  if (from.has_retry()) {
    if (from.no_retry()) {
      at.field("no_retry").error("contradicts retry", "give only one of them");
    }
    return compileRetry(from.retry(), timeout, at.field("retry"));
  }
  if (from.no_retry() || !fallback) return std::nullopt;
  if (timeout.count() > 0 && fallback->per_try_timeout >= timeout) {
    at.field(from.has_timeout() ? "timeout" : "cluster")
        .error(base::concat("the route's timeout, ", durationText(timeout),
                            ", is not longer than the virtual host's retry.per_try_timeout, ",
                            durationText(fallback->per_try_timeout)),
               "give the route a longer timeout, a retry of its own or no_retry: true");
  }
  return fallback;
}

}  // namespace

std::optional<router::RetryPolicy> compileRetryDefault(const v1::VirtualHost& from,
                                                       const Cursor& at) {
  if (!from.has_retry()) return std::nullopt;
  return compileRetry(from.retry(), milliseconds(0), at.field("retry"));
}

void compileResilience(const v1::RouteAction& from,
                       const std::optional<router::RetryPolicy>& retry_default,
                       const Compiler& compiler, const Cursor& at, router::ClusterAction& action) {
  action.retry = retryOf(from, retry_default, action.timeout, at);
  if (from.mirrors().empty() && !from.has_internal_redirects() && !from.has_hedge()) return;
  auto resilience = std::make_shared<router::Resilience>();
  resilience->mirrors = compileMirrors(from, compiler, at);
  if (from.has_internal_redirects()) {
    resilience->redirects =
        compileRedirects(from.internal_redirects(), at.field("internal_redirects"));
  }
  if (from.has_hedge()) {
    checkStickiness(from, compiler, at.field("hedge"));
    resilience->hedge = compileHedge(from.hedge(), action.timeout, at.field("hedge"));
  }
  action.resilience = std::move(resilience);
}

}  // namespace weir::config
