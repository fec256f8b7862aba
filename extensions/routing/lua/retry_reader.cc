#include <algorithm>
#include <iterator>

#include <luajit-2.1/lua.hpp>

#include "extensions/routing/lua/result_reader.h"
#include "source/base/concat.h"

namespace weir::extensions::routing::lua {
namespace {

using router::RetryPolicy;
using Option = TableReader::Option;
using std::chrono::milliseconds;

constexpr double kMostReplayBytes = 1024 * 1024;
constexpr double kMostGrpcStatus = 16;

struct ConditionName {
  std::string_view name;
  RetryPolicy::Condition condition;
};
constexpr ConditionName kConditions[] = {
    {"connect_failure", RetryPolicy::Condition::kConnectFailure},
    {"refused_stream", RetryPolicy::Condition::kRefusedStream},
    {"reset_before_answer", RetryPolicy::Condition::kResetBeforeAnswer},
    {"gateway_error", RetryPolicy::Condition::kGatewayError},
    {"server_error", RetryPolicy::Condition::kServerError},
};

RetryPolicy& policy(void* target) {
  return *static_cast<RetryPolicy*>(target);
}

bool readCondition(TableReader& reader, lua_State* L, void* target) {
  std::string name;
  if (!reader.text(L, name)) return false;
  const auto* const found =
      std::find_if(std::begin(kConditions), std::end(kConditions),
                   [&name](const ConditionName& each) { return each.name == name; });
  if (found == std::end(kConditions)) {
    return reader.refuse(
        base::concat("has \"", std::string_view(name).substr(0, 64),
                     "\"; conditions are connect_failure, refused_stream, reset_before_answer, "
                     "gateway_error and server_error"));
  }
  policy(target).conditions |= RetryPolicy::bit(found->condition);
  return true;
}

bool readRetryStatus(TableReader& reader, lua_State* L, void* target) {
  constexpr double kFirst = RetryPolicy::kFirstStatus;
  uint64_t status = 0;
  const auto most = kFirst + static_cast<double>(policy(target).statuses.size()) - 1;
  if (!reader.whole(L, {kFirst, most}, status)) return false;
  policy(target).statuses.set(status - RetryPolicy::kFirstStatus);
  return true;
}

bool readGrpcStatus(TableReader& reader, lua_State* L, void* target) {
  uint64_t status = 0;
  if (!reader.whole(L, {1, kMostGrpcStatus}, status)) return false;
  policy(target).grpc_statuses |= RetryPolicy::bit(static_cast<http::GrpcStatus>(status));
  return true;
}

constexpr Option kRetry[] = {
    {"max_retries",
     [](TableReader& reader, lua_State* L, void* target) {
       uint64_t retries = 0;
       if (!reader.whole(L, {1, 10}, retries)) return false;
       policy(target).max_retries = static_cast<uint32_t>(retries);
       return true;
     }},
    {"on", [](TableReader& reader, lua_State* L,
              void* target) { return reader.walkList(L, &readCondition, target); }},
    {"statuses", [](TableReader& reader, lua_State* L,
                    void* target) { return reader.walkList(L, &readRetryStatus, target); }},
    {"grpc_statuses", [](TableReader& reader, lua_State* L,
                         void* target) { return reader.walkList(L, &readGrpcStatus, target); }},
    {"per_try_timeout",
     [](TableReader& reader, lua_State* L, void* target) {
       return reader.duration(L, milliseconds(1), policy(target).per_try_timeout);
     }},
    {"any_method", [](TableReader& reader, lua_State* L,
                      void* target) { return reader.flag(L, policy(target).any_method); }},
    {"base_interval",
     [](TableReader& reader, lua_State* L, void* target) {
       return reader.duration(L, milliseconds(1), policy(target).base_interval);
     }},
    {"max_interval",
     [](TableReader& reader, lua_State* L, void* target) {
       return reader.duration(L, milliseconds(1), policy(target).max_interval);
     }},
    {"max_body_bytes",
     [](TableReader& reader, lua_State* L, void* target) {
       uint64_t bytes = 0;
       if (!reader.whole(L, {0, kMostReplayBytes}, bytes)) return false;
       policy(target).max_body_bytes = static_cast<uint32_t>(bytes);
       return true;
     }},
};

}  // namespace

bool readRetry(TableReader& reader, lua_State* L, void* entry) {
  RetryPolicy& retry = static_cast<router::RouteEntry*>(entry)->cluster.retry.emplace();
  retry.max_interval = milliseconds(0);
  if (!reader.walk(L, kRetry, &retry)) return false;
  if (retry.max_interval.count() == 0) retry.max_interval = 10 * retry.base_interval;
  if (retry.max_interval < retry.base_interval) {
    return reader.refuse("has a max_interval below its base_interval");
  }
  const bool says_when = retry.conditions != 0 || retry.grpc_statuses != 0 ||
                         retry.statuses.any() || retry.per_try_timeout.count() != 0;
  return says_when ||
         reader.refuse("does not say when: on, statuses or per_try_timeout is missing");
}

}  // namespace weir::extensions::routing::lua
