#include "extensions/http_filters/tracing/config.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "api/weir/extensions/http_filters/tracing/v1/tracing.pb.h"
#include "extensions/http_filters/tracing/tracing.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/fields.h"
#include "source/config/match_compiler.h"
#include "source/http/header_rules.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::tracing {
namespace {

using config::Cursor;
using std::chrono::milliseconds;
using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr size_t kMostAttributes = 64;
constexpr size_t kMostFields = 16;
constexpr size_t kMostNameBytes = 1024;
constexpr size_t kMostValueBytes = 4096;

// In the order of the keys.
Pairs readPairs(const google::protobuf::Map<std::string, std::string>& from, size_t most,
                const Cursor& at) {
  Pairs to(from.begin(), from.end());
  std::sort(to.begin(), to.end());
  if (to.size() > most) at.error("are too many", base::concat("at most ", most));
  for (const auto& [key, value] : to) {
    config::require(key, at, "give each a name");
    if (key.size() > kMostNameBytes || value.size() > kMostValueBytes) {
      at.error(base::concat("\"", key.substr(0, 64), "\" or its value is too long"),
               "names have up to 1024 bytes, values up to 4096");
    }
  }
  return to;
}

http::Format readFormat(const std::string& text, const Cursor& at) {
  auto format = http::Format::parse(text);
  if (format.ok()) return *std::move(format);
  config::report(format.status(), at);
  return {};
}

void readPolicy(const v1::Tracing& from, const Cursor& at, TracingPolicy& to) {
  if (from.has_sampling()) {
    to.sampling = config::compileFraction(from.sampling(), at.field("sampling"));
  }
  if (!from.always().empty()) to.always = config::compileHeaderMatches(from.always(), at, "always");
  if (!from.span_name().empty()) {
    if (from.span_name().size() > kMostNameBytes) {
      at.field("span_name").error("is too long", "at most 1024 bytes");
    }
    to.span_name = readFormat(from.span_name(), at.field("span_name"));
  }
  if (from.attributes().empty()) return;
  const Cursor inside = at.field("attributes");
  auto& attributes = to.attributes.emplace();
  for (auto& [key, value] : readPairs(from.attributes(), kMostAttributes, inside)) {
    attributes.emplace_back(key, readFormat(value, inside));
  }
}

std::vector<Propagation> readPropagation(const v1::Tracing& from, const Cursor& at) {
  std::vector<Propagation> to;
  for (int i = 0; i < from.propagation_size(); ++i) {
    const Cursor here = at.at("propagation", i);
    if (from.propagation(i) == v1::Tracing::PROPAGATION_UNSPECIFIED) {
      here.error("is none", "use W3C, B3 or B3_MULTI");
      continue;
    }
    const Propagation form = from.propagation(i) == v1::Tracing::B3         ? Propagation::kB3
                             : from.propagation(i) == v1::Tracing::B3_MULTI ? Propagation::kB3Multi
                                                                            : Propagation::kW3c;
    if (std::find(to.begin(), to.end(), form) != to.end()) {
      here.error("is listed twice", "remove one");
    }
    to.push_back(form);
  }
  if (to.empty()) to.push_back(Propagation::kW3c);
  return to;
}

ExporterSettings readExporter(const v1::Exporter& from, const Cursor& at,
                              const config::Compiler& compiler) {
  ExporterSettings to;
  if (config::require(from.cluster(), at.field("cluster"), "name the collector's cluster")) {
    compiler.checkCluster(from.cluster(), at.field("cluster"));
  }
  to.cluster = from.cluster();
  if (!from.path().empty()) to.path = from.path();
  if (!to.path.starts_with('/') || !http::isTarget(to.path)) {
    at.field("path").error(base::concat("\"", to.path, "\" is not a path"), "write \"/v1/traces\"");
  }
  to.authority = from.authority().empty() ? from.cluster() : from.authority();
  if (!http::isAuthority(to.authority)) {
    at.field("authority")
        .error(base::concat("\"", to.authority, "\" is not a host"),
               "write \"host\" or \"host:port\"");
  }
  to.fields = readPairs(from.fields(), kMostFields, at.field("fields"));
  for (const auto& [name, value] : to.fields) {
    if (!http::isToken(name) || !http::isFieldValue(value) ||
        http::HeaderRules::isProtected(name)) {
      at.field("fields").error(base::concat("\"", name, "\" cannot be such a field"),
                               "write a header, such as an API key");
    }
  }
  if (!from.service_name().empty()) to.resource.service_name = from.service_name();
  to.resource.attributes =
      readPairs(from.resource_attributes(), kMostAttributes, at.field("resource_attributes"));
  constexpr config::DurationRange kTimes{milliseconds(100), milliseconds(60'000)};
  to.flush_interval =
      config::readDuration(from.has_flush_interval() ? &from.flush_interval() : nullptr,
                           to.flush_interval, kTimes, at.field("flush_interval"));
  to.timeout = config::readDuration(from.has_timeout() ? &from.timeout() : nullptr, to.timeout,
                                    kTimes, at.field("timeout"));
  to.max_waiting_bytes = static_cast<uint32_t>(
      config::readNumberOr(from.max_waiting_bytes(), to.max_waiting_bytes, {64 << 10, 64 << 20},
                           at.field("max_waiting_bytes")));
  return to;
}

void refuseInRoute(bool there, const Cursor& at) {
  if (there) at.error("belongs to the filter, in the connection manager", "leave it out here");
}

TracingStats makeStats(stats::Store& store, const std::string& filter) {
  const auto counter = [&](std::string_view metric, std::string_view help) {
    return store.counter(metric, help, {{"filter", filter}});
  };
  return {
      .sampled = counter("tracing_sampled_total", "Exchanges whose spans are sent."),
      .not_sampled = counter("tracing_not_sampled_total", "Exchanges without spans."),
      .malformed = counter("tracing_malformed_contexts_total",
                           "Requests whose trace context broke the rules, and was replaced."),
      .exporter = {.sent = counter("tracing_spans_sent_total", "Spans that a collector took."),
                   .dropped = counter("tracing_spans_dropped_total",
                                      "Spans without room while others waited."),
                   .failed =
                       counter("tracing_spans_failed_total", "Spans that no collector has taken.")},
  };
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> TracingExtension::compile(
    const google::protobuf::Message& config, const Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Tracing&>(config);
  TracingConfig to;
  readPolicy(from, at, to.policy);
  if (from.client_context() == v1::Tracing::JOIN) {
    to.client_context = TracingConfig::ClientContext::kJoin;
  } else if (from.client_context() == v1::Tracing::REPLACE) {
    to.client_context = TracingConfig::ClientContext::kReplace;
  }
  to.propagation = readPropagation(from, at);
  if (from.has_exporter()) {
    to.exporter = readExporter(from.exporter(), at.field("exporter"), context.compiler);
  }
  to.response_field = from.response_field();
  if (!to.response_field.empty() &&
      (!http::isToken(to.response_field) || http::HeaderRules::isProtected(to.response_field))) {
    at.field("response_field")
        .error(base::concat("\"", to.response_field, "\" cannot be such a field"),
               "write \"x-trace-id\"");
  }
  to.include_query = from.include_query();
  const std::string name =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  to.stats = makeStats(context.stats, name);
  return std::make_shared<TracingFilterFactory>(std::move(to));
}

std::shared_ptr<const http::RouteFilterConfig> TracingExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory&, const Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::Tracing&>(config);
  refuseInRoute(from.has_exporter(), at.field("exporter"));
  refuseInRoute(from.client_context() != v1::Tracing::CLIENT_CONTEXT_UNSPECIFIED,
                at.field("client_context"));
  refuseInRoute(!from.propagation().empty(), at.field("propagation"));
  refuseInRoute(!from.response_field().empty(), at.field("response_field"));
  refuseInRoute(from.include_query(), at.field("include_query"));
  refuseInRoute(!from.stat_prefix().empty(), at.field("stat_prefix"));
  auto to = std::make_shared<TracingPolicy>();
  readPolicy(from, at, *to);
  return to;
}

}  // namespace weir::extensions::http_filters::tracing
