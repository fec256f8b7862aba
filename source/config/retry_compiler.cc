#include "source/config/retry_compiler.h"

#include "api/weir/config/v1/route.pb.h"
#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/http/semantics.h"

namespace weir::config {
namespace {

using router::RetryPolicy;
using std::chrono::milliseconds;

constexpr uint32_t kMaxReplayBytes = 1024 * 1024;

uint32_t compileConditions(const v1::Retry& from, const Cursor& at) {
  using Condition = RetryPolicy::Condition;
  uint32_t conditions = 0;
  for (int i = 0; i < from.retry_on_size(); ++i) {
    switch (from.retry_on(i)) {
      case v1::Retry::CONNECT_FAILURE:
        conditions |= RetryPolicy::bit(Condition::kConnectFailure);
        break;
      case v1::Retry::REFUSED_STREAM:
        conditions |= RetryPolicy::bit(Condition::kRefusedStream);
        break;
      case v1::Retry::RESET_BEFORE_ANSWER:
        conditions |= RetryPolicy::bit(Condition::kResetBeforeAnswer);
        break;
      case v1::Retry::GATEWAY_ERROR:
        conditions |= RetryPolicy::bit(Condition::kGatewayError);
        break;
      case v1::Retry::SERVER_ERROR:
        conditions |= RetryPolicy::bit(Condition::kServerError);
        break;
      default:
        at.at("retry_on", i)
            .error("is no condition",
                   "use CONNECT_FAILURE, REFUSED_STREAM, RESET_BEFORE_ANSWER, "
                   "GATEWAY_ERROR or SERVER_ERROR");
    }
  }
  return conditions;
}

uint32_t compileGrpcStatuses(const v1::Retry& from, const Cursor& at) {
  uint32_t statuses = 0;
  for (int i = 0; i < from.grpc_statuses_size(); ++i) {
    const v1::Retry::GrpcStatus status = from.grpc_statuses(i);
    if (status == v1::Retry::OK) {
      at.at("grpc_statuses", i).error("OK is no failure", "leave it out");
    }
    statuses |= RetryPolicy::bit(static_cast<http::GrpcStatus>(status));
  }
  return statuses;
}

void compileStatuses(const v1::Retry& from, const Cursor& at, RetryPolicy& policy) {
  constexpr uint32_t kFirst = RetryPolicy::kFirstStatus;
  for (int i = 0; i < from.statuses_size(); ++i) {
    const uint64_t status = readNumber(
        from.statuses(i), {kFirst, kFirst + policy.statuses.size() - 1}, at.at("statuses", i));
    policy.statuses.set(status - kFirst);
  }
}

milliseconds compilePerTryTimeout(const v1::Retry& from, milliseconds route_timeout,
                                  const Cursor& at) {
  const Cursor here = at.field("per_try_timeout");
  const milliseconds timeout =
      readDuration(from.has_per_try_timeout() ? &from.per_try_timeout() : nullptr, milliseconds(0),
                   {milliseconds(1)}, here);
  if (route_timeout.count() > 0 && timeout >= route_timeout) {
    here.error(base::concat("is not shorter than the route's timeout, ",
                            durationText(route_timeout), ", and would never end an attempt"),
               "shorten it, or give the route a longer timeout");
  }
  return timeout;
}

void compileRetryAfter(const v1::Retry& from, const Cursor& at, RetryPolicy& policy) {
  constexpr int kMostFields = 8;
  policy.max_retry_after = readDuration(
      from.has_max_retry_after() ? &from.max_retry_after() : nullptr, policy.max_retry_after,
      {milliseconds(0), std::chrono::minutes(5)}, at.field("max_retry_after"));
  if (from.reset_fields_size() > kMostFields) {
    at.field("reset_fields").error("has more than 8 fields", "leave some out");
  }
  for (int i = 0; i < from.reset_fields_size(); ++i) {
    const v1::ResetField& field = from.reset_fields(i);
    const Cursor here = at.at("reset_fields", i).field("name");
    if (require(field.name(), here, "\"X-RateLimit-Reset\"") && !http::isToken(field.name())) {
      here.error(base::concat("\"", field.name(), "\" is not the name of a field"),
                 "\"X-RateLimit-Reset\"");
    }
    policy.reset_fields.push_back({field.name(), field.unix_time()});
  }
  if (policy.max_retry_after.count() == 0 && from.reset_fields_size() > 0) {
    at.field("reset_fields").error("are not looked at with max_retry_after 0 s", "leave one out");
  }
}

}  // namespace

RetryPolicy compileRetry(const v1::Retry& from, milliseconds route_timeout, const Cursor& at) {
  RetryPolicy policy;
  policy.conditions = compileConditions(from, at);
  policy.grpc_statuses = compileGrpcStatuses(from, at);
  compileStatuses(from, at, policy);
  policy.per_try_timeout = compilePerTryTimeout(from, route_timeout, at);
  policy.any_method = from.any_method();
  policy.attempt_field = from.attempt_field();
  compileRetryAfter(from, at, policy);
  if (from.retry_on().empty() && from.grpc_statuses().empty() && from.statuses().empty() &&
      !from.has_per_try_timeout()) {
    at.error("does not say when",
             "write retry_on: CONNECT_FAILURE, statuses: 503, grpc_statuses: UNAVAILABLE or "
             "per_try_timeout { seconds: 1 }");
  }
  policy.max_retries =
      static_cast<uint32_t>(readNumberOr(from.max_retries(), 1, {1, 10}, at.field("max_retries")));
  policy.base_interval =
      readDuration(from.has_base_interval() ? &from.base_interval() : nullptr, policy.base_interval,
                   {milliseconds(1), std::chrono::seconds(60)}, at.field("base_interval"));
  policy.max_interval = readDuration(
      from.has_max_interval() ? &from.max_interval() : nullptr, 10 * policy.base_interval,
      {policy.base_interval, std::chrono::minutes(10)}, at.field("max_interval"));
  if (from.has_max_body_bytes()) {
    policy.max_body_bytes = static_cast<uint32_t>(
        readNumber(from.max_body_bytes(), {0, kMaxReplayBytes}, at.field("max_body_bytes")));
  }
  return policy;
}

}  // namespace weir::config
