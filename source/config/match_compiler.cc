#include "source/config/match_compiler.h"

#include <cmath>
#include <string>
#include <utility>

#include "api/weir/config/v1/match.pb.h"
#include "source/base/concat.h"
#include "source/base/regex.h"
#include "source/config/fields.h"
#include "source/http/semantics.h"

namespace weir::config {
namespace {

constexpr int kMostMatches = 64;
constexpr size_t kMostTextBytes = 4096;

http::TextMatcher compileRegex(const std::string& pattern, bool ignore_case, const Cursor& at) {
  auto regex = base::Regex::compile(ignore_case ? base::concat("(?i)", pattern) : pattern);
  if (regex.ok()) return http::TextMatcher::regex(*std::move(regex));
  report(regex.status(), at);
  return http::TextMatcher::present();
}

// Empty texts would match always.
const std::string& part(const std::string& text, const Cursor& at) {
  require(text, at, "write present: true for any value");
  if (text.size() > kMostTextBytes) at.error("is longer than 4096 bytes", "use a regex");
  return text;
}

// Nothing: what it says is no condition on a text.
template <class Match>
std::optional<http::TextMatcher> textOf(const Match& from, const Cursor& at) {
  const bool any_case = from.ignore_case();
  switch (from.by_case()) {
    case Match::kExact:
      if (from.exact().size() > kMostTextBytes) {
        at.field("exact").error("is longer than 4096 bytes", "use a regex");
      }
      return http::TextMatcher::exact(from.exact(), any_case);
    case Match::kPrefix:
      return http::TextMatcher::prefix(part(from.prefix(), at.field("prefix")), any_case);
    case Match::kSuffix:
      return http::TextMatcher::suffix(part(from.suffix(), at.field("suffix")), any_case);
    case Match::kContains:
      return http::TextMatcher::contains(part(from.contains(), at.field("contains")), any_case);
    case Match::kRegex:
      return compileRegex(from.regex(), any_case, at.field("regex"));
    default:
      return std::nullopt;
  }
}

// `ignore_case` without a text that has letters.
template <class Match>
void checkCase(const Match& from, bool has_text, const Cursor& at) {
  if (has_text || !from.ignore_case()) return;
  at.field("ignore_case").error("has no effect: no text is compared", "remove it");
}

http::TextMatcher compileRange(const v1::NumberRange& from, const Cursor& at) {
  if (from.start() >= from.end()) {
    at.error(base::concat("no number is ", from.start(), " or more and less than ", from.end()),
             "`end` is greater than `start`");
  }
  return http::TextMatcher::range(from.start(), from.end());
}

void checkHeaderName(const std::string& name, const Cursor& at) {
  if (!require(name, at, "name a header")) return;
  if (name.starts_with(':')) {
    if (name == ":method" || name == ":path" || name == ":authority" || name == ":scheme") return;
    at.error(base::concat("there is no \"", name, "\""),
             "use \":method\", \":path\", \":authority\" or \":scheme\"");
  } else if (!http::isToken(name)) {
    at.error(base::concat("\"", name, "\" cannot be the name of a header"),
             "names are made of letters, digits and !#$%&'*+-.^_`|~");
  }
}

http::ParameterMatcher compileParameter(const v1::ParameterMatch& from, ParameterKind kind,
                                        const Cursor& at) {
  const Cursor name = at.field("name");
  if (require(from.name(), name) && kind == ParameterKind::kCookie && !http::isToken(from.name())) {
    name.error(base::concat("\"", from.name(), "\" cannot be the name of a cookie"),
               "names are made of letters, digits and !#$%&'*+-.^_`|~");
  }
  std::optional<http::TextMatcher> text = textOf(from, at);
  checkCase(from, text.has_value(), at);
  if (text) return {from.name(), *std::move(text), from.invert()};
  const bool absent = from.by_case() == v1::ParameterMatch::kPresent && !from.present();
  return {from.name(), http::TextMatcher::present(), absent != from.invert()};
}

// So many conditions are read, and no more.
template <class T>
int bounded(const google::protobuf::RepeatedPtrField<T>& from, const Cursor& at,
            std::string_view field) {
  if (from.size() <= kMostMatches) return from.size();
  at.at(field, kMostMatches).error("are too many conditions", "at most 64; use a regex");
  return kMostMatches;
}

}  // namespace

http::TextMatcher compileStringMatch(const v1::StringMatch& from, const Cursor& at) {
  std::optional<http::TextMatcher> text = textOf(from, at);
  checkCase(from, text.has_value(), at);
  if (text) return *std::move(text);
  at.error("says nothing of the text", "give one of exact, prefix, suffix, contains and regex");
  return http::TextMatcher::present();
}

http::HeaderMatcher compileHeaderMatch(const v1::HeaderMatch& from, const Cursor& at) {
  checkHeaderName(from.name(), at.field("name"));
  std::optional<http::TextMatcher> text = textOf(from, at);
  checkCase(from, text.has_value(), at);
  if (text) return {from.name(), *std::move(text), from.invert()};
  if (from.by_case() == v1::HeaderMatch::kRange) {
    return {from.name(), compileRange(from.range(), at.field("range")), from.invert()};
  }
  const bool absent = from.by_case() == v1::HeaderMatch::kPresent && !from.present();
  return {from.name(), http::TextMatcher::present(), absent != from.invert()};
}

std::vector<http::HeaderMatcher> compileHeaderMatches(
    const google::protobuf::RepeatedPtrField<v1::HeaderMatch>& from, const Cursor& at,
    std::string_view field) {
  std::vector<http::HeaderMatcher> to;
  for (int i = 0; i < bounded(from, at, field); ++i) {
    to.push_back(compileHeaderMatch(from[i], at.at(field, i)));
  }
  return to;
}

std::vector<http::ParameterMatcher> compileParameterMatches(
    const google::protobuf::RepeatedPtrField<v1::ParameterMatch>& from, ParameterKind kind,
    const Cursor& at, std::string_view field) {
  std::vector<http::ParameterMatcher> to;
  for (int i = 0; i < bounded(from, at, field); ++i) {
    to.push_back(compileParameter(from[i], kind, at.at(field, i)));
  }
  return to;
}

std::vector<http::TextMatcher> compileStringMatches(
    const google::protobuf::RepeatedPtrField<v1::StringMatch>& from, const Cursor& at,
    std::string_view field) {
  std::vector<http::TextMatcher> to;
  for (int i = 0; i < bounded(from, at, field); ++i) {
    to.push_back(compileStringMatch(from[i], at.at(field, i)));
  }
  return to;
}

http::Fraction compileFraction(const v1::Percentage& from, const Cursor& at) {
  const double percent = from.percent();
  if (!(percent >= 0 && percent <= 100)) {
    at.field("percent").error(base::concat(percent, " is no percentage"), "use 0 to 100");
    return {};
  }
  return {.millionths = static_cast<uint32_t>(std::lround(percent * 10'000))};
}

}  // namespace weir::config
