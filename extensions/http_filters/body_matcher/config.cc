#include "extensions/http_filters/body_matcher/config.h"

#include <map>
#include <string>
#include <utility>

#include "api/weir/extensions/http_filters/body_matcher/v1/body_matcher.pb.h"
#include "extensions/http_filters/body_matcher/body_matcher.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::body_matcher {
namespace {

using config::Cursor;

constexpr int kMostValues = 16;
constexpr int kMostTypes = 16;
constexpr uint32_t kMostBytes = 16 * 1024 * 1024;
constexpr size_t kMostTextBytes = 4096;

void readValue(const v1::Value& from, const Cursor& at, BodyMatcherOptions& to) {
  config::require(from.key(), at.field("key"), "routes find it by that");
  switch (from.from_case()) {
    case v1::Value::kJsonPointer: {
      auto pointer = JsonPointer::parse(from.json_pointer());
      if (!pointer.ok()) return config::report(pointer.status(), at.field("json_pointer"));
      to.json_keys.push_back(from.key());
      to.pointers.push_back(*std::move(pointer));
      return;
    }
    case v1::Value::kContains:
      config::require(from.contains(), at.field("contains"), "every body contains that");
      if (from.contains().size() > kMostTextBytes) {
        at.field("contains").error("is longer than 4096 bytes", "shorten it");
      }
      to.texts.push_back({.key = from.key(), .contains = from.contains()});
      return;
    case v1::Value::kRegex: {
      auto regex = base::Regex::compile(from.regex());
      if (!regex.ok()) return config::report(regex.status(), at.field("regex"));
      to.texts.push_back({.key = from.key(), .regex = *std::move(regex)});
      return;
    }
    case v1::Value::FROM_NOT_SET:
      at.error("does not say what to look for", "give json_pointer, contains or regex");
  }
}

BodyMatcherOptions::MediaType readType(const std::string& text, const Cursor& at) {
  const size_t slash = text.find('/');
  const size_t star = text.find('*');
  std::string plain = text;
  if (star != std::string::npos) plain.replace(star, 1, "x");
  const bool tokens = slash != std::string::npos && http::isToken(plain.substr(0, slash)) &&
                      http::isToken(plain.substr(slash + 1));
  const bool one_star = star == std::string::npos ||
                        (star == slash + 1 && text.find('*', star + 1) == std::string::npos);
  if (!tokens || !one_star) {
    at.error(base::concat("\"", text, "\" is no media type"),
             "write \"application/json\" or \"application/*+json\", without parameters");
    return {};
  }
  const std::string lower = base::lowered(text);
  if (star == std::string::npos) return {.type = lower};
  return {.type = lower.substr(0, star), .suffix = lower.substr(star + 1)};
}

std::shared_ptr<const BodyMatcherOptions> readOptions(const v1::BodyMatcher& from,
                                                      const Cursor& at) {
  auto to = std::make_shared<BodyMatcherOptions>();
  if (from.values().empty()) {
    at.field("values").error("is required", "add values { key: \"…\" json_pointer: \"/…\" }");
  } else if (from.values_size() > kMostValues) {
    at.field("values").error("has more than 16 values", "leave some out");
  }
  std::map<std::string, int> keys;
  for (int i = 0; i < from.values_size(); ++i) {
    const Cursor here = at.at("values", i);
    config::checkUnique(from.values(i).key(), i, keys, "key", here.field("key"));
    readValue(from.values(i), here, *to);
  }
  if (from.content_types_size() > kMostTypes) {
    at.field("content_types").error("has more than 16 types", "leave some out");
  }
  for (int i = 0; i < from.content_types_size(); ++i) {
    to->content_types.push_back(readType(from.content_types(i), at.at("content_types", i)));
  }
  if (to->content_types.empty()) {
    to->content_types = {{.type = "application/json"}, {.type = "application/", .suffix = "+json"}};
  }
  to->max_bytes = static_cast<uint32_t>(config::readNumberOr(
      from.max_bytes(), to->max_bytes, {1, kMostBytes}, at.field("max_bytes")));
  to->refuse_too_large = from.too_large() == v1::BodyMatcher::REFUSE;
  to->refuse_malformed = from.malformed() == v1::BodyMatcher::REFUSE;
  if (to->refuse_malformed && to->pointers.empty() && !from.values().empty()) {
    at.field("malformed")
        .error("has no effect: nothing is read as JSON", "remove it, or add a json_pointer");
  }
  if (!from.metadata_namespace().empty()) to->metadata_namespace = from.metadata_namespace();
  return to;
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> BodyMatcherExtension::compile(
    const google::protobuf::Message& config, const Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::BodyMatcher&>(config);
  const std::string name =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  const auto counter = [&](std::string_view metric, std::string_view help) {
    return context.stats.counter(metric, help, {{"filter", name}});
  };
  const BodyMatcherStats stats{
      .read = counter("body_matcher_read_total", "Bodies of requests that were looked at."),
      .too_large = counter("body_matcher_too_large_total",
                           "Bodies that were not looked at because they were too large."),
      .malformed = counter("body_matcher_malformed_total", "Bodies that were no valid JSON."),
      .overflow = counter("body_matcher_overflow_total",
                          "Values for which the dynamic metadata had no room."),
  };
  return std::make_shared<BodyMatcherFilterFactory>(readOptions(from, at), stats);
}

std::shared_ptr<const http::RouteFilterConfig> BodyMatcherExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory&, const Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::BodyMatcher&>(config);
  if (!from.stat_prefix().empty()) {
    at.field("stat_prefix")
        .error("belongs to the filter, in the connection manager", "leave it out here");
  }
  return readOptions(from, at);
}

}  // namespace weir::extensions::http_filters::body_matcher
