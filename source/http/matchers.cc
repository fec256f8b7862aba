#include "source/http/matchers.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/http/cookies.h"
#include "source/http/query.h"

namespace weir::http {
namespace {

// The whole of `text` as a decimal number.
std::optional<int64_t> numberOf(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

// `part` is in lower case.
bool containsIgnoreCase(std::string_view text, std::string_view part) {
  const auto equal = [](char a, char b) { return base::toLower(a) == b; };
  return part.empty() ||
         std::search(text.begin(), text.end(), part.begin(), part.end(), equal) != text.end();
}

// What several fields of one name are together.
template <class Key>
std::optional<std::string_view> joined(const HeaderMap& fields, Key key, std::string_view name) {
  if (!fields.has(key)) return std::nullopt;
  if (fields.count(key) == 1) return fields.get(key);
  thread_local std::string all;  // keeps its capacity
  all.clear();
  bool first = true;
  fields.forEach([&](const HeaderMap::Field& field) {
    if (!base::equalsIgnoreCase(field.name, name)) return;
    if (!std::exchange(first, false)) all.push_back(',');
    all.append(field.value);
  });
  return all;
}

std::string_view decoded(std::string_view value) {
  if (value.find('%') == std::string_view::npos) return value;
  thread_local std::string text;  // keeps its capacity
  text.clear();
  PercentDecoder decoder(value);
  while (!decoder.done()) text.push_back(decoder.next());
  return text;
}

}  // namespace

// ---- texts ------------------------------------------------------------------------------------

TextMatcher::TextMatcher(Kind kind, std::string_view text, bool ignore_case)
    : kind_(kind), ignore_case_(ignore_case), text_(ignore_case ? base::lowered(text) : text) {}

TextMatcher TextMatcher::regex(base::Regex regex) {
  TextMatcher matcher(Kind::kRegex);
  matcher.regex_ = std::move(regex);
  return matcher;
}

TextMatcher TextMatcher::range(int64_t start, int64_t end) {
  TextMatcher matcher(Kind::kRange);
  matcher.start_ = start;
  matcher.end_ = end;
  return matcher;
}

bool TextMatcher::same(std::string_view text) const {
  return ignore_case_ ? base::equalsIgnoreCase(text, text_) : text == text_;
}

bool TextMatcher::matches(std::string_view text) const {
  switch (kind_) {
    case Kind::kPresent:
      return true;
    case Kind::kExact:
      return same(text);
    case Kind::kPrefix:
      return text.size() >= text_.size() && same(text.substr(0, text_.size()));
    case Kind::kSuffix:
      return text.size() >= text_.size() && same(text.substr(text.size() - text_.size()));
    case Kind::kContains:
      return ignore_case_ ? containsIgnoreCase(text, text_)
                          : text.find(text_) != std::string_view::npos;
    case Kind::kRegex:
      return regex_->fullMatch(text);
    case Kind::kRange: {
      const std::optional<int64_t> number = numberOf(text);
      return number && *number >= start_ && *number < end_;
    }
  }
  return false;
}

std::optional<std::string_view> TextMatcher::only() const {
  if (kind_ != Kind::kExact || ignore_case_) return std::nullopt;
  return text_;
}

std::string TextMatcher::describe() const {
  const std::string_view any_case = ignore_case_ ? " in any case" : "";
  switch (kind_) {
    case Kind::kPresent:
      return "is there";
    case Kind::kExact:
      return base::concat("is \"", text_, "\"", any_case);
    case Kind::kPrefix:
      return base::concat("begins with \"", text_, "\"", any_case);
    case Kind::kSuffix:
      return base::concat("ends with \"", text_, "\"", any_case);
    case Kind::kContains:
      return base::concat("contains \"", text_, "\"", any_case);
    case Kind::kRegex:
      return base::concat("matches ", regex_->pattern());
    case Kind::kRange:
      return base::concat("is a number from ", start_, " to less than ", end_);
  }
  return {};
}

// ---- fields -----------------------------------------------------------------------------------

HeaderMatcher::HeaderMatcher(std::string_view name, TextMatcher text, bool invert)
    : name_(base::lowered(name)),
      id_(headerId(name)),
      pseudo_(pseudoOf(name_)),
      text_(std::move(text)),
      invert_(invert) {}

HeaderMatcher::Pseudo HeaderMatcher::pseudoOf(std::string_view name) {
  if (name == ":method") return Pseudo::kMethod;
  if (name == ":path") return Pseudo::kPath;
  if (name == ":authority") return Pseudo::kAuthority;
  if (name == ":scheme") return Pseudo::kScheme;
  return Pseudo::kNone;
}

bool HeaderMatcher::holds(std::optional<std::string_view> value) const {
  return (value && text_.matches(*value)) != invert_;
}

bool HeaderMatcher::matches(const RequestHead& head) const {
  const auto given = [](std::string_view text) {
    return text.empty() ? std::nullopt : std::optional(text);
  };
  switch (pseudo_) {
    case Pseudo::kNone:
      return matches(head.headers);
    case Pseudo::kMethod:
      return holds(given(head.method));
    case Pseudo::kPath:
      return holds(given(head.path));
    case Pseudo::kAuthority:
      return holds(given(head.authority));
    case Pseudo::kScheme:
      return holds(given(head.scheme));
  }
  return false;
}

bool HeaderMatcher::matches(const HeaderMap& fields) const {
  if (pseudo_ != Pseudo::kNone) return invert_;
  if (id_ != HeaderId::kOther) return holds(joined(fields, id_, name_));
  return holds(joined(fields, std::string_view(name_), name_));
}

std::string HeaderMatcher::describe() const {
  return base::concat(invert_ ? "not: header " : "header ", name_, " ", text_.describe());
}

// ---- parameters -------------------------------------------------------------------------------

bool ParameterMatcher::matchesQuery(std::string_view target) const {
  const std::optional<std::string_view> value = queryValue(target, name_);
  return (value && text_.matches(decoded(*value))) != invert_;
}

bool ParameterMatcher::matchesCookie(const HeaderMap& fields) const {
  const std::optional<std::string_view> value = cookieValue(fields, name_);
  return (value && text_.matches(*value)) != invert_;
}

std::string ParameterMatcher::describe() const {
  return base::concat(invert_ ? "not: " : "", name_, " ", text_.describe());
}

}  // namespace weir::http
