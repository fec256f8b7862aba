#include "extensions/http_filters/fault/config.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "api/weir/extensions/http_filters/fault/v1/fault.pb.h"
#include "extensions/http_filters/fault/fault.h"
#include "source/config/fields.h"
#include "source/config/match_compiler.h"

namespace weir::extensions::http_filters::fault {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kMostActive = 1'000'000;
constexpr size_t kMostBodyBytes = 4096;

template <class Message>
http::Fraction readShare(const Message& from, const config::Cursor& at) {
  if (!from.has_percentage()) return {};
  return config::compileFraction(from.percentage(), at.field("percentage"));
}

milliseconds readTime(bool given, const google::protobuf::Duration& from, milliseconds fallback,
                      milliseconds least, const config::Cursor& at) {
  return config::readDuration(given ? &from : nullptr, fallback,
                              {.least = least, .most = kLongestDelay}, at);
}

Delay readDelay(const v1::Fault::Delay& from, const config::Cursor& at) {
  constexpr milliseconds kLeast(1);
  Delay to;
  to.share = readShare(from, at);
  switch (from.length_case()) {
    case v1::Fault::Delay::kFixed:
      to.mean = readTime(true, from.fixed(), kLeast, kLeast, at.field("fixed"));
      break;
    case v1::Fault::Delay::kExponential: {
      const auto& drawn = from.exponential();
      const config::Cursor here = at.field("exponential");
      to.kind = Delay::Kind::kExponential;
      if (!drawn.has_mean()) here.field("mean").error("is missing", "say how long on the average");
      to.mean = readTime(drawn.has_mean(), drawn.mean(), kLeast, kLeast, here.field("mean"));
      to.most = readTime(drawn.has_most(), drawn.most(), std::min(to.mean * 10, kLongestDelay),
                         kLeast, here.field("most"));
      break;
    }
    case v1::Fault::Delay::kUniform: {
      const auto& drawn = from.uniform();
      const config::Cursor here = at.field("uniform");
      to.kind = Delay::Kind::kUniform;
      if (!drawn.has_most()) here.field("most").error("is missing", "say how long at most");
      to.least = readTime(drawn.has_least(), drawn.least(), milliseconds(0), milliseconds(0),
                          here.field("least"));
      to.most =
          readTime(drawn.has_most(), drawn.most(), to.least, milliseconds(0), here.field("most"));
      if (to.most < to.least) {
        here.field("most").error("is less than `least`", "exchange them");
        to.most = to.least;
      }
      break;
    }
    case v1::Fault::Delay::LENGTH_NOT_SET:
      at.error("has no length", "write `fixed { seconds: 1 }`, `exponential` or `uniform`");
      break;
  }
  return to;
}

Abort readAbort(const v1::Fault::Abort& from, const config::Cursor& at) {
  Abort to;
  to.share = readShare(from, at);
  switch (from.status_case()) {
    case v1::Fault::Abort::kHttpStatus:
      to.status = static_cast<uint16_t>(
          config::readNumber(from.http_status(), {200, 599}, at.field("http_status")));
      break;
    case v1::Fault::Abort::kGrpcStatus:
      to.grpc_status = static_cast<http::GrpcStatus>(
          config::readNumber(from.grpc_status(), {1, 16}, at.field("grpc_status")));
      break;
    case v1::Fault::Abort::STATUS_NOT_SET:
      at.error("has no status", "write `http_status: 503` or `grpc_status: 14`");
      break;
  }
  if (from.body().size() > kMostBodyBytes) {
    at.field("body").error("is too long", "at most 4096 bytes");
  }
  if (!from.body().empty()) to.body = from.body();
  return to;
}

void readPolicy(const v1::Fault& from, const config::Cursor& at, FaultPolicy& to) {
  if (from.has_delay()) to.delay = readDelay(from.delay(), at.field("delay"));
  if (from.has_abort()) to.abort = readAbort(from.abort(), at.field("abort"));
  if (from.has_response_rate()) {
    const config::Cursor here = at.field("response_rate");
    to.response_rate = ResponseRate{.bytes_per_second = config::readNumber(
                                        from.response_rate().bytes_per_second(),
                                        {1, kMostBytesPerSecond}, here.field("bytes_per_second")),
                                    .share = readShare(from.response_rate(), here)};
  }
  to.headers = config::compileHeaderMatches(from.headers(), at, "headers");
  to.allow_request_headers = from.allow_request_headers();
}

void refuseInRoute(bool there, const config::Cursor& at) {
  if (there) at.error("belongs to the filter, in the connection manager", "leave it out here");
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> FaultExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Fault&>(config);
  FaultConfig to;
  readPolicy(from, at, to.policy);
  to.max_active = static_cast<uint32_t>(config::readNumberOr(
      from.max_active(), to.max_active, {1, kMostActive}, at.field("max_active")));
  const std::string name =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  const auto counter = [&](std::string_view metric, std::string_view help) {
    return context.stats.counter(metric, help, {{"filter", name}});
  };
  to.stats = {
      .delays = counter("fault_delays_total", "Requests that had to wait on purpose."),
      .aborts = counter("fault_aborts_total", "Requests that failed on purpose."),
      .response_rates = counter("fault_response_rates_total", "Responses slowed on purpose."),
      .overflows = counter("fault_overflows_total", "Requests spared because of max_active."),
      .active = context.stats.gauge("fault_active", "Requests that have a fault now.",
                                    {{"filter", name}}),
  };
  return std::make_shared<FaultFilterFactory>(std::move(to));
}

std::shared_ptr<const http::RouteFilterConfig> FaultExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory&,
    const config::Cursor& at, config::CompileContext&) const {
  const auto& from = static_cast<const v1::Fault&>(config);
  refuseInRoute(from.max_active() != 0, at.field("max_active"));
  refuseInRoute(!from.stat_prefix().empty(), at.field("stat_prefix"));
  auto to = std::make_shared<FaultPolicy>();
  readPolicy(from, at, *to);
  return to;
}

}  // namespace weir::extensions::http_filters::fault
