#include "extensions/http_filters/rate_limit/config.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "api/weir/extensions/http_filters/rate_limit/v1/rate_limit.pb.h"
#include "extensions/http_filters/common/config.h"
#include "source/base/concat.h"
#include "source/base/keyed_hash.h"
#include "source/config/fields.h"
#include "source/config/match_compiler.h"
#include "source/config/redis_server.h"

namespace weir::extensions::http_filters::rate_limit {
namespace {

using config::Cursor;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr uint64_t kMostRequests = 1'000'000;
constexpr size_t kMostPrefix = 128;
constexpr auto kLongestPer = milliseconds(hours(31 * 24));

using LocalStates = base::SharedStates<LocalBuckets>;

// What compiles the limits of one filter and its routes. Main-thread only; for one call.
class LimitCompiler {
 public:
  LimitCompiler(std::string filter, double local_share, LocalStates& local,
                config::CompileContext& context)
      : filter_(std::move(filter)), local_share_(local_share), local_(local), context_(context) {}

  RateLimitSettings compile(const v1::RateLimit& from, const Cursor& at) {
    RateLimitSettings to;
    const auto most = static_cast<int>(kMaxAsked);
    if (from.limits_size() > most) {
      at.at("limits", most).error(base::concat("there are more than ", most, " limits"));
      return to;
    }
    std::map<std::string, int> names;
    for (int i = 0; i < from.limits_size(); ++i) {
      const Cursor here = at.at("limits", i);
      config::checkUnique(from.limits(i).name(), i, names, "limit", here.field("name"));
      to.limits.push_back(compileLimit(from.limits(i), here));
    }
    to.add_limits = from.add_limits();
    if (from.on_failure() == v1::ON_FAILURE_PASS) to.on_failure = OnFailure::kPass;
    if (from.on_failure() == v1::ON_FAILURE_REFUSE) to.on_failure = OnFailure::kRefuse;
    if (from.on_failure() == v1::ON_FAILURE_LOCAL) to.on_failure = OnFailure::kLocal;
    to.scope = compileLimitScope(from, at);
    return to;
  }

 private:
  Limit compileLimit(const v1::SharedLimit& from, const Cursor& at) {
    checkLimitName(from.name(), at.field("name"));
    Limit to{.name = from.name(), .key = compileRequestKey(from.key(), at.field("key"))};
    to.headers = config::compileHeaderMatches(from.headers(), at, "headers");
    to.requests = std::max<uint64_t>(
        1, config::readNumber(from.requests(), {1, kMostRequests}, at.field("requests")));
    to.per = config::readDuration(from.has_per() ? &from.per() : nullptr, milliseconds(1000),
                                  {milliseconds(10), kLongestPer}, at.field("per"));
    const bool bucket = from.algorithm() == v1::ALGORITHM_BUCKET;
    if (!bucket && from.burst() != 0) {
      at.field("burst").error("has no meaning for a window",
                              "leave it out, or write algorithm: ALGORITHM_BUCKET");
    }
    const uint64_t burst =
        config::readNumberOr(from.burst(), to.requests, {1, kMostRequests}, at.field("burst"));
    checkFill(to, burst, at.field("burst"));
    to.counted = CountedLimit(bucket ? CountedLimit::Kind::kBucket : CountedLimit::Kind::kWindow,
                              to.requests, to.per, burst);
    // Other counters for another length: a window's slices would not be the same.
    to.key_prefix = base::concat(to.name, ":", bucket ? "b" : "w", to.per.count(), ":");
    to.shadow = from.shadow();
    to.local_rate = localRate(to, burst);
    to.local = local_.get(base::concat(to.name, "/", filter_),
                          [] { return std::make_shared<LocalBuckets>(base::newHashKey()); });
    to.stats = statsOf(to.name);
    return to;
  }

  static void checkFill(const Limit& limit, uint64_t burst, const Cursor& at) {
    const double days = static_cast<double>(limit.per.count()) / 86'400'000 *
                        static_cast<double>(burst) / static_cast<double>(limit.requests);
    if (days > 365) {
      at.error("takes more than a year to come back", "lower the burst, or raise the rate");
    }
  }

  TokenRate localRate(const Limit& limit, uint64_t burst) const {
    const double requests = std::max(1e-3, static_cast<double>(limit.requests) * local_share_);
    const double interval = static_cast<double>(nanoseconds(limit.per).count()) / requests;
    const double most = std::max(1.0, static_cast<double>(burst) * local_share_);
    return {.interval = static_cast<Nanoseconds>(interval) + 1,
            .burst = static_cast<uint32_t>(most)};
  }

  LimitStats statsOf(const std::string& limit) {
    const stats::Labels labels{{"filter", filter_}, {"limit", limit}};
    const auto counter = [&](std::string_view name, std::string_view help) {
      return context_.stats.counter(name, help, labels);
    };
    return {.passed = counter("http_rate_limit_passed_total", "Requests within the limit."),
            .refused = counter("http_rate_limit_refused_total", "Requests that were over it."),
            .shadowed = counter("http_rate_limit_shadowed_total",
                                "Requests over it that passed, as it only counts.")};
  }

  const std::string filter_;
  const double local_share_;
  LocalStates& local_;
  config::CompileContext& context_;
};

const google::protobuf::Duration* given(bool has, const google::protobuf::Duration& value) {
  return has ? &value : nullptr;
}

std::string readPrefix(const std::string& from, const std::string& name, const Cursor& at) {
  if (from.empty()) return base::concat("{rate_limit:", name, "}:");
  if (from.size() > kMostPrefix) {
    at.error(base::concat("has ", from.size(), " bytes"),
             base::concat("it may have at most ", kMostPrefix));
  }
  const bool plain =
      std::all_of(from.begin(), from.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!plain) at.error("has other bytes than printable ASCII", "write letters, digits and \":\"");
  return from;
}

CounterSettings readCounters(const v1::RateLimit& from, const std::string& name, const Cursor& at,
                             config::CompileContext& context) {
  CounterSettings to;
  if (from.has_redis()) {
    to.server = config::compileRedis(from.redis(), at.field("redis"), context);
  } else {
    at.field("redis").error("is required", "write redis { address: \"127.0.0.1:6379\" }");
  }
  to.key_prefix = readPrefix(from.key_prefix(), name, at.field("key_prefix"));
  to.timeout = config::readDuration(given(from.has_timeout(), from.timeout()), to.timeout,
                                    {milliseconds(1), milliseconds(10'000)}, at.field("timeout"));
  to.max_waiting = static_cast<uint32_t>(
      config::readNumberOr(from.max_waiting(), to.max_waiting, {1, 4000}, at.field("max_waiting")));
  to.max_timeouts = static_cast<uint32_t>(config::readNumberOr(
      from.max_timeouts(), to.max_timeouts, {1, 1000}, at.field("max_timeouts")));
  return to;
}

FilterStats makeStats(stats::Store& store, const std::string& filter) {
  const auto counter = [&](std::string_view name, std::string_view help) {
    return store.counter(name, help, {{"filter", filter}});
  };
  const auto failed = [&](const char* then) {
    return store.counter("http_rate_limit_failed_total",
                         "Requests that Redis did not count, by what became of them.",
                         {{"filter", filter}, {"then", then}});
  };
  return {
      .exempt = counter("http_rate_limit_exempt_total", "Requests that are exempt."),
      .limited = counter("http_rate_limit_limited_total", "Requests refused, by whichever limit."),
      .unlimited =
          counter("http_rate_limit_unlimited_total", "Requests that none of the limits is for."),
      .failed_passed = failed("passed"),
      .failed_refused = failed("refused"),
      .failed_local = failed("local")};
}

void refuseInRoute(bool there, const Cursor& at) {
  if (there) at.error("belongs to the filter, in the connection manager", "leave it out here");
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> RateLimitExtension::compile(
    const google::protobuf::Message& config, const Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::RateLimit&>(config);
  RateLimitConfig to;
  to.name = from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  if (from.add_limits()) {
    at.field("add_limits")
        .error("belongs to a route's settings of the filter", "leave it out here");
  }
  if (from.has_local_share()) {
    const http::Fraction share =
        config::compileFraction(from.local_share(), at.field("local_share"));
    to.local_share = static_cast<double>(share.millionths) / http::Fraction::kAll;
  }
  to.counters = readCounters(from, to.name, at, context);
  to.settings = LimitCompiler(to.name, to.local_share, local_, context).compile(from, at);
  to.stats = makeStats(context.stats, to.name);
  to.counter_stats = CounterStats::create(context.stats, to.name);
  return std::make_shared<RateLimitFactory>(std::move(to));
}

std::shared_ptr<const http::RouteFilterConfig> RateLimitExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
    const Cursor& at, config::CompileContext& context) const {
  const auto& from = static_cast<const v1::RateLimit&>(config);
  refuseInRoute(!from.stat_prefix().empty(), at.field("stat_prefix"));
  refuseInRoute(from.has_redis(), at.field("redis"));
  refuseInRoute(!from.key_prefix().empty(), at.field("key_prefix"));
  refuseInRoute(from.has_timeout(), at.field("timeout"));
  refuseInRoute(from.has_local_share(), at.field("local_share"));
  refuseInRoute(from.max_waiting() != 0, at.field("max_waiting"));
  refuseInRoute(from.max_timeouts() != 0, at.field("max_timeouts"));
  const RateLimitConfig& of = static_cast<const RateLimitFactory&>(filter).config();
  RateLimitSettings settings =
      LimitCompiler(of.name, of.local_share, local_, context).compile(from, at);
  if (settings.add_limits && settings.limits.size() + of.settings.limits.size() > kMaxAsked) {
    at.field("limits").error(
        base::concat("with those of the filter they are more than ", kMaxAsked));
  }
  for (size_t i = 0; settings.add_limits && i < settings.limits.size(); ++i) {
    const auto same = [&](const Limit& limit) { return limit.name == settings.limits[i].name; };
    if (std::none_of(of.settings.limits.begin(), of.settings.limits.end(), same)) continue;
    at.at("limits", static_cast<int>(i))
        .field("name")
        .error("is that of a limit of the filter, too", "name it otherwise");
  }
  return std::make_shared<RateLimitRoute>(std::move(settings));
}

}  // namespace weir::extensions::http_filters::rate_limit
