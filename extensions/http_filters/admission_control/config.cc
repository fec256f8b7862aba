#include "extensions/http_filters/admission_control/config.h"

#include <string>
#include <utility>

#include "api/weir/config/v1/match.pb.h"
#include "api/weir/extensions/http_filters/admission_control/v1/admission_control.pb.h"
#include "extensions/http_filters/admission_control/admission_control.h"
#include "source/base/concat.h"
#include "source/config/fields.h"

namespace weir::extensions::http_filters::admission_control {
namespace {

using config::Cursor;
using std::chrono::milliseconds;

constexpr int kMostRanges = 32;
constexpr int64_t kStatusEnd = SuccessCriteria::kStatuses;

double readPercent(const config::v1::Percentage& from, double least, const Cursor& at) {
  const double percent = from.percent();
  if (percent >= least && percent <= 100) return percent / 100;
  at.field("percent").error(base::concat("is not within ", least, " and 100"));
  return 1;
}

SuccessCriteria readSuccess(const v1::SuccessCriteria& from, const Cursor& at) {
  SuccessCriteria to;
  if (from.http_statuses_size() > kMostRanges) {
    at.at("http_statuses", kMostRanges).error(base::concat("there are more than ", kMostRanges));
    return to;
  }
  if (!from.http_statuses().empty()) to.http.reset();
  for (int i = 0; i < from.http_statuses_size(); ++i) {
    const config::v1::NumberRange& range = from.http_statuses(i);
    if (range.start() < 100 || range.end() > kStatusEnd || range.start() >= range.end()) {
      at.at("http_statuses", i)
          .error(base::concat(range.start(), " to ", range.end(), " is no range of statuses"),
                 "write start: 200 end: 400 or the like, from 100 to 600");
      continue;
    }
    for (int64_t status = range.start(); status < range.end(); ++status) {
      to.http.set(static_cast<size_t>(status));
    }
  }
  if (!from.grpc_statuses().empty()) to.grpc.reset();
  for (int i = 0; i < from.grpc_statuses_size(); ++i) {
    const uint64_t status = config::readNumber(from.grpc_statuses(i), {0, http::kGrpcStatuses - 1},
                                               at.at("grpc_statuses", i));
    to.grpc.set(status < to.grpc.size() ? status : 0);
  }
  return to;
}

AdmissionSettings readSettings(const v1::AdmissionControl& from, const std::string& name,
                               const Cursor& at, config::CompileContext& context) {
  AdmissionSettings to;
  const milliseconds window = config::readDuration(
      from.has_sampling_window() ? &from.sampling_window() : nullptr, to.law.window,
      {milliseconds(1000), std::chrono::minutes(10)}, at.field("sampling_window"));
  if (window.count() % 1000 != 0) {
    at.field("sampling_window").error("has parts of a second", "write whole seconds");
  }
  to.law.window = std::chrono::duration_cast<std::chrono::seconds>(window);
  if (from.has_success_threshold()) {
    to.law.threshold = readPercent(from.success_threshold(), 1, at.field("success_threshold"));
  }
  if (from.aggression() != 0) {
    to.law.aggression = from.aggression();
    if (!(to.law.aggression >= 1 && to.law.aggression <= 100)) {
      at.field("aggression").error("is not within 1 and 100", "1 is usual");
    }
  }
  to.law.rps_threshold = static_cast<double>(
      config::readNumber(from.rps_threshold(), {0, 1'000'000'000}, at.field("rps_threshold")));
  if (from.has_max_rejection()) {
    to.law.max_rejection = readPercent(from.max_rejection(), 0, at.field("max_rejection"));
  }
  to.success = readSuccess(from.success(), at.field("success"));
  to.shadow = from.shadow();
  const auto counter = [&](std::string_view metric, std::string_view help) {
    return context.stats.counter(metric, help, {{"filter", name}});
  };
  to.stats = {
      .passed = counter("admission_control_passed_total", "Requests let through."),
      .refused = counter("admission_control_refused_total", "Requests refused."),
      .shadowed = counter("admission_control_shadowed_total",
                          "Requests that passed, as nothing is refused."),
      .succeeded =
          counter("admission_control_succeeded_total", "Requests let through that succeeded."),
      .failed = counter("admission_control_failed_total", "Requests let through that failed.")};
  return to;
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> AdmissionControlExtension::compile(
    const google::protobuf::Message& config, const Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::AdmissionControl&>(config);
  const std::string name =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  return std::make_shared<AdmissionControlFactory>(readSettings(from, name, at, context));
}

std::shared_ptr<const http::RouteFilterConfig> AdmissionControlExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory&, const Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::AdmissionControl&>(config);
  config::require(from.stat_prefix(), at.field("stat_prefix"), "name what is judged together");
  return std::make_shared<AdmissionControlRoute>(
      readSettings(from, from.stat_prefix(), at, context));
}

}  // namespace weir::extensions::http_filters::admission_control
