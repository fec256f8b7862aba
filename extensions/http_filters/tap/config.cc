#include "extensions/http_filters/tap/config.h"

#include <string>
#include <utility>
#include <vector>

#include "api/weir/extensions/http_filters/tap/v1/tap.pb.h"
#include "extensions/http_filters/tap/tap.h"
#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/config/match_compiler.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::tap {
namespace {

constexpr uint64_t kMostBodyBytes = 65'536;
constexpr uint64_t kMostKept = 100;
constexpr int kMostFields = 64;
constexpr int kMostPatterns = 16;

Redaction compileRedaction(const v1::Tap& from, const config::Cursor& at) {
  std::vector<std::string> fields(from.redact_fields().begin(), from.redact_fields().end());
  if (from.redact_fields_size() > kMostFields) {
    at.field("redact_fields").error("has more than 64 names", "leave some out");
  }
  for (int i = 0; i < from.redact_fields_size(); ++i) {
    if (http::isToken(fields[static_cast<size_t>(i)])) continue;
    at.at("redact_fields", i).error("is not the name of a field", "\"x-api-key\"");
  }
  if (from.redact_patterns_size() > kMostPatterns) {
    at.field("redact_patterns").error("has more than 16 patterns", "join some with \"|\"");
  }
  std::vector<base::Regex> patterns;
  for (int i = 0; i < from.redact_patterns_size(); ++i) {
    const config::Cursor here = at.at("redact_patterns", i);
    auto pattern = base::Regex::compile(from.redact_patterns(i));
    if (!pattern.ok()) {
      config::report(pattern.status(), here);
    } else if (pattern->partialMatch("")) {
      here.error("matches the empty text, which is everywhere", "have it match what is secret");
    } else {
      patterns.push_back(*std::move(pattern));
    }
  }
  return {fields, std::move(patterns)};
}

std::shared_ptr<TapRules> compileRules(const v1::Tap& from, const config::Cursor& at) {
  auto rules = std::make_shared<TapRules>();
  if (from.has_percentage()) {
    rules->fraction = config::compileFraction(from.percentage(), at.field("percentage"));
  }
  rules->request_headers =
      config::compileHeaderMatches(from.request_headers(), at, "request_headers");
  if (from.min_status() != 0) {
    rules->min_status = static_cast<uint16_t>(
        config::readNumber(from.min_status(), {100, 599}, at.field("min_status")));
  }
  if (from.has_max_body_bytes()) {
    rules->max_body_bytes = static_cast<uint32_t>(
        config::readNumber(from.max_body_bytes(), {0, kMostBodyBytes}, at.field("max_body_bytes")));
  }
  rules->redaction = compileRedaction(from, at);
  return rules;
}

TapStats makeStats(const std::string& name, stats::Store& store) {
  const auto dropped = [&](const char* reason) {
    return store.counter("tap_dropped_total",
                         "Exchanges that were to be recorded and were not: over the filter's rate, "
                         "too many at once, more than the writer keeps up with, or the file full.",
                         {{"filter", name}, {"reason", reason}});
  };
  return {
      .recorded = store.counter("tap_recorded_total", "Exchanges recorded.", {{"filter", name}}),
      .over_rate = dropped("rate"),
      .over_open = dropped("open"),
      .over_ring = dropped("writer"),
      .over_size = dropped("file_size")};
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> TapExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Tap&>(config);
  TapOptions options;
  const config::Cursor path = at.field("path");
  if (config::require(from.path(), path, "name the file that lines are appended to")) {
    options.path = path.resolvePath(from.path());
    config::checkFolderExists(options.path, path);
  }
  options.max_per_second = static_cast<uint32_t>(config::readNumberOr(
      from.max_per_second(), options.max_per_second, {1, 100'000}, at.field("max_per_second")));
  options.file.max_bytes =
      config::readNumberOr(from.max_file_bytes(), options.file.max_bytes, {4096, uint64_t{1} << 50},
                           at.field("max_file_bytes"));
  if (from.has_keep()) {
    options.file.keep =
        static_cast<uint32_t>(config::readNumber(from.keep(), {0, kMostKept}, at.field("keep")));
  }
  const std::string name =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  return std::make_shared<TapFilterFactory>(std::move(options), compileRules(from, at),
                                            makeStats(name, context.stats));
}

std::shared_ptr<const http::RouteFilterConfig> TapExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory&,
    const config::Cursor& at, config::CompileContext&) const {
  const auto& from = static_cast<const v1::Tap&>(config);
  const auto refuse = [&at](const char* field, bool given) {
    if (given) at.field(field).error("is not for a route", "set it where the filter is");
  };
  refuse("stat_prefix", !from.stat_prefix().empty());
  refuse("path", !from.path().empty());
  refuse("max_per_second", from.max_per_second() != 0);
  refuse("max_file_bytes", from.max_file_bytes() != 0);
  refuse("keep", from.has_keep());
  return compileRules(from, at);
}

}  // namespace weir::extensions::http_filters::tap
