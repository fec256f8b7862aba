#include "source/config/health_options.h"

#include <algorithm>
#include <chrono>

#include "api/weir/config/v1/cluster.pb.h"
#include "api/weir/config/v1/health.pb.h"
#include "source/base/concat.h"
#include "source/config/fields.h"

namespace weir::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr uint64_t kDefaultPrograms = 8;

uint32_t number(uint64_t value, NumberRange range, const Cursor& at) {
  return static_cast<uint32_t>(readNumber(value, range, at));
}

bool anyReason(const upstream::OutlierPolicy& policy) {
  const bool runs = policy.consecutive_5xx > 0 || policy.consecutive_gateway_errors > 0 ||
                    policy.consecutive_connect_failures > 0;
  return runs || policy.success_rate_stdev_factor > 0 || policy.failure_percentage > 0 ||
         policy.latency_percent_of_median > 0;
}

}  // namespace

upstream::CheckTimes readCheckTimes(const v1::HealthCheck& from, const Cursor& at) {
  upstream::CheckTimes to;
  to.interval = readDuration(from.has_interval() ? &from.interval() : nullptr, to.interval,
                             {milliseconds(10)}, at.field("interval"));
  to.timeout =
      readDuration(from.has_timeout() ? &from.timeout() : nullptr,
                   std::min(to.timeout, to.interval), {milliseconds(1)}, at.field("timeout"));
  if (to.timeout > to.interval) {
    at.field("timeout").error(
        base::concat("is longer than the interval of ", durationText(to.interval),
                     ", at the end of which the next probe begins"),
        base::concat("use at most ", durationText(to.interval), ", or a longer interval"));
  }
  to.confirm_interval = readDuration(
      from.has_confirm_interval() ? &from.confirm_interval() : nullptr,
      std::min(to.confirm_interval, to.interval), {milliseconds(10)}, at.field("confirm_interval"));
  if (to.confirm_interval > to.interval) {
    at.field("confirm_interval")
        .error(base::concat("is longer than the interval of ", durationText(to.interval)),
               "it is there to be shorter: use less, or leave it out");
  }
  to.no_traffic_interval =
      readDuration(from.has_no_traffic_interval() ? &from.no_traffic_interval() : nullptr,
                   to.interval, {milliseconds(10)}, at.field("no_traffic_interval"));
  if (to.no_traffic_interval < to.interval) {
    at.field("no_traffic_interval")
        .error(base::concat("is shorter than the interval of ", durationText(to.interval)),
               "it is there to be longer: use more, or leave it out");
  }
  if (from.has_unhealthy_threshold()) {
    to.unhealthy_threshold =
        number(from.unhealthy_threshold(), {1, 100}, at.field("unhealthy_threshold"));
  }
  if (from.has_healthy_threshold()) {
    to.healthy_threshold =
        number(from.healthy_threshold(), {1, 100}, at.field("healthy_threshold"));
  }
  if (from.has_jitter_percent()) {
    to.jitter_percent = number(from.jitter_percent(), {0, 50}, at.field("jitter_percent"));
  }
  to.first_check_waits = from.first_check() == v1::HealthCheck::FIRST_CHECK_WAITS;
  return to;
}

upstream::OutlierPolicy readOutlierPolicy(const v1::OutlierDetection& from, const Cursor& at) {
  upstream::OutlierPolicy to;
  if (from.has_consecutive_5xx()) {
    to.consecutive_5xx = number(from.consecutive_5xx(), {0, 10'000}, at.field("consecutive_5xx"));
  }
  if (from.has_consecutive_gateway_errors()) {
    to.consecutive_gateway_errors = number(from.consecutive_gateway_errors(), {0, 10'000},
                                           at.field("consecutive_gateway_errors"));
  }
  if (from.has_consecutive_connect_failures()) {
    to.consecutive_connect_failures = number(from.consecutive_connect_failures(), {0, 10'000},
                                             at.field("consecutive_connect_failures"));
  }
  to.interval = readDuration(from.has_interval() ? &from.interval() : nullptr, to.interval,
                             {milliseconds(100), hours(1)}, at.field("interval"));
  to.base_ejection_time =
      readDuration(from.has_base_ejection_time() ? &from.base_ejection_time() : nullptr,
                   to.base_ejection_time, {milliseconds(100)}, at.field("base_ejection_time"));
  to.max_ejection_time =
      readDuration(from.has_max_ejection_time() ? &from.max_ejection_time() : nullptr,
                   std::max(to.max_ejection_time, to.base_ejection_time),
                   {milliseconds(100), hours(24 * 7)}, at.field("max_ejection_time"));
  if (to.max_ejection_time < to.base_ejection_time) {
    at.field("max_ejection_time")
        .error(base::concat("is shorter than base_ejection_time, ",
                            durationText(to.base_ejection_time)),
               "use at least as much");
  }
  if (from.has_max_ejection_percent()) {
    to.max_ejection_percent =
        number(from.max_ejection_percent(), {0, 100}, at.field("max_ejection_percent"));
  }
  if (from.has_success_rate_stdev_factor()) {
    to.success_rate_stdev_factor = number(from.success_rate_stdev_factor(), {0, 10'000},
                                          at.field("success_rate_stdev_factor")) /
                                   1000.0;
  }
  to.success_rate_min_endpoints = static_cast<uint32_t>(
      readNumberOr(from.success_rate_min_endpoints(), to.success_rate_min_endpoints, {3, 10'000},
                   at.field("success_rate_min_endpoints")));
  to.min_requests = static_cast<uint32_t>(
      readNumberOr(from.min_requests(), to.min_requests, {1, 1'000'000}, at.field("min_requests")));
  to.failure_percentage =
      number(from.failure_percentage(), {0, 100}, at.field("failure_percentage"));
  if (from.latency_percent_of_median() != 0) {
    to.latency_percent_of_median = number(from.latency_percent_of_median(), {110, 100'000},
                                          at.field("latency_percent_of_median"));
  }
  if (!anyReason(to)) {
    at.error("no endpoint can be ejected: every reason is 0",
             "give at least one of them, or leave out outlier_detection");
  }
  return to;
}

upstream::DrainPolicy readDrainPolicy(const v1::Drain& from, const Cursor& at) {
  using OnUnhealthy = upstream::DrainPolicy::OnUnhealthy;
  upstream::DrainPolicy to;
  to.timeout = readDuration(from.has_timeout() ? &from.timeout() : nullptr, to.timeout,
                            {milliseconds(0)}, at.field("timeout"));
  switch (from.on_unhealthy()) {
    case v1::Drain::ON_UNHEALTHY_CLOSE:
      to.on_unhealthy = OnUnhealthy::kClose;
      break;
    case v1::Drain::ON_UNHEALTHY_KEEP:
      to.on_unhealthy = OnUnhealthy::kKeep;
      break;
    default:
      break;
  }
  return to;
}

upstream::OperatorState readEndpointState(const v1::Endpoint& from) {
  switch (from.state()) {
    case v1::Endpoint::STATE_DRAINING:
      return upstream::OperatorState::kDraining;
    case v1::Endpoint::STATE_DISABLED:
      return upstream::OperatorState::kDisabled;
    default:
      return upstream::OperatorState::kEnabled;
  }
}

HealthConfig readHealth(const v1::Health& from, const Cursor& at) {
  HealthConfig to;
  if (!from.event_log().empty()) {
    const Cursor path = at.field("event_log");
    to.event_log = path.resolvePath(from.event_log());
    checkFolderExists(to.event_log, path);
  }
  to.kept_events = static_cast<uint32_t>(
      readNumberOr(from.kept_events(), to.kept_events, {1, 1'000'000}, at.field("kept_events")));
  const uint64_t programs =
      readNumberOr(from.max_exec(), kDefaultPrograms, {1, 1000}, at.field("max_exec"));
  if (from.allow_exec()) to.exec_programs = static_cast<uint32_t>(programs);
  return to;
}

}  // namespace weir::config
