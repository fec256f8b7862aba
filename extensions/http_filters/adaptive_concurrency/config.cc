#include "extensions/http_filters/adaptive_concurrency/config.h"

#include <algorithm>
#include <string>
#include <utility>

#include "api/weir/extensions/http_filters/adaptive_concurrency/v1/adaptive_concurrency.pb.h"
#include "source/base/concat.h"
#include "source/base/random.h"
#include "source/config/fields.h"
#include "source/config/match_compiler.h"

namespace weir::extensions::http_filters::adaptive_concurrency {
namespace {

using config::Cursor;

GradientSettings readSettings(const v1::AdaptiveConcurrency& from, const Cursor& at) {
  GradientSettings to;
  const auto number = [&](uint64_t value, uint32_t fallback, config::NumberRange range,
                          std::string_view field) {
    return static_cast<uint32_t>(config::readNumberOr(value, fallback, range, at.field(field)));
  };
  to.min_concurrency =
      number(from.min_concurrency(), to.min_concurrency, {1, 10'000}, "min_concurrency");
  to.max_concurrency =
      number(from.max_concurrency(), std::max(to.max_concurrency, to.min_concurrency),
             {1, 1'000'000}, "max_concurrency");
  if (to.max_concurrency < to.min_concurrency) {
    at.field("max_concurrency")
        .error(base::concat("is less than min_concurrency, ", to.min_concurrency), "raise it");
  }
  to.update_interval = config::readDuration(
      from.has_update_interval() ? &from.update_interval() : nullptr, to.update_interval,
      {milliseconds(10), milliseconds(60'000)}, at.field("update_interval"));
  if (from.has_percentile()) {
    const double percent = from.percentile().percent();
    if (!(percent >= 1 && percent <= 99)) {
      at.field("percentile").field("percent").error("is not within 1 and 99", "50 is usual");
    }
    to.percentile = percent / 100;
  }
  to.buffer = number(from.buffer_percent(), 25, {1, 500}, "buffer_percent") / 100.0;
  to.min_rtt_interval = config::readDuration(
      from.has_min_rtt_interval() ? &from.min_rtt_interval() : nullptr, to.min_rtt_interval,
      {milliseconds(1000), std::chrono::hours(24)}, at.field("min_rtt_interval"));
  if (from.has_jitter_percent()) {
    to.jitter = static_cast<double>(config::readNumber(from.jitter_percent(), {0, 100},
                                                       at.field("jitter_percent"))) /
                100;
  }
  to.min_rtt_requests =
      number(from.min_rtt_requests(), to.min_rtt_requests, {1, 10'000}, "min_rtt_requests");
  return to;
}

// Other settings are another limit.
std::string fingerprint(const std::string& name, const GradientSettings& settings) {
  return base::concat(settings.min_concurrency, " ", settings.max_concurrency, " ",
                      settings.update_interval.count(), " ", settings.percentile, " ",
                      settings.buffer, " ", settings.min_rtt_interval.count(), " ", settings.jitter,
                      " ", settings.min_rtt_requests, " ", name);
}

LimitStats makeStats(stats::Store& store, const std::string& name) {
  const stats::Labels labels{{"filter", name}};
  return {
      .passed = store.counter("adaptive_concurrency_passed_total", "Requests let through.", labels),
      .refused = store.counter("adaptive_concurrency_refused_total",
                               "Requests refused because the limit was reached.", labels),
      .samples = store.counter("adaptive_concurrency_samples_total",
                               "Answers whose time was taken.", labels),
      .in_flight = store.gauge("adaptive_concurrency_in_flight", "Requests under way.", labels),
      .limit = store.gauge("adaptive_concurrency_limit",
                           "How many requests may be under way; 0: none has been seen.", labels),
      .min_rtt_us =
          store.gauge("adaptive_concurrency_min_rtt_us",
                      "Time without load until an answer begins, in microseconds.", labels),
      .measuring = store.gauge("adaptive_concurrency_measuring",
                               "1 while the time without load is measured.", labels)};
}

}  // namespace

ConfiguredLimit AdaptiveConcurrencyExtension::read(const google::protobuf::Message& config,
                                                   const std::string& name, const Cursor& at,
                                                   config::CompileContext& context) const {
  const auto& from = static_cast<const v1::AdaptiveConcurrency&>(config);
  const GradientSettings settings = readSettings(from, at);
  ConfiguredLimit to;
  to.limit = limits_.get(fingerprint(name, settings), [&] {
    return std::make_shared<GradientLimit>(settings, base::Random().next());
  });
  std::shared_ptr<ShownState>& shown = shown_[name];
  if (shown == nullptr) shown = std::make_shared<ShownState>();
  to.shown = shown;
  to.stats = makeStats(context.stats, name);
  const milliseconds retry_after = config::readDuration(
      from.has_retry_after() ? &from.retry_after() : nullptr, milliseconds(1000),
      {milliseconds(1000), std::chrono::hours(1)}, at.field("retry_after"));
  to.retry_after = std::to_string((retry_after.count() + 999) / 1000);
  return to;
}

std::shared_ptr<const http::HttpFilterFactory> AdaptiveConcurrencyExtension::compile(
    const google::protobuf::Message& config, const Cursor& at,
    config::CompileContext& context) const {
  const std::string& prefix = static_cast<const v1::AdaptiveConcurrency&>(config).stat_prefix();
  const std::string name = prefix.empty() ? std::string(context.listener_name) : prefix;
  return std::make_shared<AdaptiveConcurrencyFactory>(read(config, name, at, context));
}

std::shared_ptr<const http::RouteFilterConfig> AdaptiveConcurrencyExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory&, const Cursor& at,
    config::CompileContext& context) const {
  const std::string& name = static_cast<const v1::AdaptiveConcurrency&>(config).stat_prefix();
  config::require(name, at.field("stat_prefix"), "name the limit of this route");
  return std::make_shared<AdaptiveConcurrencyRoute>(read(config, name, at, context));
}

}  // namespace weir::extensions::http_filters::adaptive_concurrency
