#include "extensions/http_filters/local_rate_limit/config.h"

#include <algorithm>
#include <bit>
#include <map>
#include <string>
#include <utility>

#include "api/weir/extensions/http_filters/local_rate_limit/v1/local_rate_limit.pb.h"
#include "extensions/http_filters/common/config.h"
#include "source/base/concat.h"
#include "source/base/keyed_hash.h"
#include "source/config/fields.h"
#include "source/config/match_compiler.h"

namespace weir::extensions::http_filters::local_rate_limit {
namespace {

using config::Cursor;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr uint64_t kMostRequests = 1'000'000;
constexpr uint64_t kMostKeys = uint64_t{1} << 24;
// A bucket that takes longer to fill is a mistake, and times stay far from their limits.
constexpr Nanoseconds kLongestFill = nanoseconds(hours(24 * 366)).count();

using Buckets = base::SharedStates<LimitBuckets>;

// What compiles the limits of one filter and its routes. Main-thread only; for one call.
class LimitCompiler {
 public:
  LimitCompiler(std::string filter, Buckets& buckets, config::CompileContext& context)
      : filter_(std::move(filter)), buckets_(buckets), context_(context) {}

  LocalRateLimitSettings compile(const v1::LocalRequestLimit& from, const Cursor& at) {
    LocalRateLimitSettings to;
    const auto most = static_cast<int>(LocalRateLimitSettings::kMaxLimits);
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
    to.scope = compileLimitScope(from, at);
    return to;
  }

 private:
  Limit compileLimit(const v1::Limit& from, const Cursor& at) {
    checkLimitName(from.name(), at.field("name"));
    Limit to{.name = from.name(), .key = compileRequestKey(from.key(), at.field("key"))};
    to.headers = config::compileHeaderMatches(from.headers(), at, "headers");
    to.requests = config::readNumber(from.requests(), {1, kMostRequests}, at.field("requests"));
    to.per = config::readDuration(from.has_per() ? &from.per() : nullptr, milliseconds(1000),
                                  {milliseconds(1), hours(24)}, at.field("per"));
    const uint64_t burst = config::readNumberOr(from.burst(), std::max<uint64_t>(1, to.requests),
                                                {1, kMostRequests}, at.field("burst"));
    // Rounded up: never more than the rate.
    const auto requests = static_cast<Nanoseconds>(std::max<uint64_t>(1, to.requests));
    to.rate.interval = (nanoseconds(to.per).count() + requests - 1) / requests;
    to.rate.burst = static_cast<uint32_t>(burst);
    if (to.rate.interval > kLongestFill / static_cast<Nanoseconds>(burst)) {
      at.field("burst").error("takes more than a year to come back",
                              "lower the burst, or raise the rate");
    }
    const uint64_t keys =
        config::readNumberOr(from.max_keys(), 65'536, {64, kMostKeys}, at.field("max_keys"));
    to.shadow = from.shadow();
    to.buckets = bucketsOf(to, keys);
    to.stats = statsOf(to.name);
    return to;
  }

  std::shared_ptr<LimitBuckets> bucketsOf(const Limit& limit, uint64_t keys) {
    const uint64_t places = limit.key.constant() ? 0 : std::bit_ceil(keys);
    // Another size is another table.
    return buckets_.get(base::concat(places, "/", limit.name, "/", filter_), [places] {
      return std::make_shared<LimitBuckets>(places, base::newHashKey());
    });
  }

  LimitStats statsOf(const std::string& limit) {
    const stats::Labels labels{{"filter", filter_}, {"limit", limit}};
    const auto counter = [&](std::string_view name, std::string_view help) {
      return context_.stats.counter(name, help, labels);
    };
    return {
        .passed = counter("http_local_rate_limit_passed_total", "Requests within the limit."),
        .refused = counter("http_local_rate_limit_refused_total", "Requests that were over it."),
        .shadowed = counter("http_local_rate_limit_shadowed_total",
                            "Requests over it that passed, as it only counts."),
        .displaced = counter("http_local_rate_limit_displaced_total",
                             "Keys that were forgotten before their bucket was full, as there were "
                             "too many.")};
  }

  const std::string filter_;
  Buckets& buckets_;
  config::CompileContext& context_;
};

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> LocalRateLimitExtension::compile(
    const google::protobuf::Message& config, const Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::LocalRequestLimit&>(config);
  const std::string name =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  if (from.add_limits()) {
    at.field("add_limits")
        .error("belongs to a route's settings of the filter", "leave it out here");
  }
  LocalRateLimitSettings settings = LimitCompiler(name, buckets_, context).compile(from, at);
  const stats::Labels labels{{"filter", name}};
  const auto counter = [&](std::string_view metric, std::string_view help) {
    return context.stats.counter(metric, help, labels);
  };
  const FilterStats stats{
      .exempt = counter("http_local_rate_limit_exempt_total", "Requests that are exempt."),
      .limited =
          counter("http_local_rate_limit_limited_total", "Requests refused, by whichever limit."),
      .unlimited = counter("http_local_rate_limit_unlimited_total",
                           "Requests that none of the limits is for.")};
  return std::make_shared<LocalRateLimitFactory>(name, std::move(settings), stats);
}

std::shared_ptr<const http::RouteFilterConfig> LocalRateLimitExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
    const Cursor& at, config::CompileContext& context) const {
  const auto& from = static_cast<const v1::LocalRequestLimit&>(config);
  if (!from.stat_prefix().empty()) {
    at.field("stat_prefix")
        .error("belongs to the filter, in the connection manager", "leave it out here");
  }
  const auto& factory = static_cast<const LocalRateLimitFactory&>(filter);
  return std::make_shared<LocalRateLimitRoute>(
      LimitCompiler(factory.name(), buckets_, context).compile(from, at));
}

}  // namespace weir::extensions::http_filters::local_rate_limit
