#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "source/base/random.h"
#include "source/base/regex.h"
#include "source/http/message.h"

namespace weir::http {

// A condition on a text. Immutable; copies share a regular expression.
class TextMatcher {
 public:
  static TextMatcher present() { return TextMatcher(Kind::kPresent); }
  static TextMatcher exact(std::string_view text, bool ignore_case = false) {
    return {Kind::kExact, text, ignore_case};
  }
  static TextMatcher prefix(std::string_view text, bool ignore_case = false) {
    return {Kind::kPrefix, text, ignore_case};
  }
  static TextMatcher suffix(std::string_view text, bool ignore_case = false) {
    return {Kind::kSuffix, text, ignore_case};
  }
  static TextMatcher contains(std::string_view text, bool ignore_case = false) {
    return {Kind::kContains, text, ignore_case};
  }
  // All of the text must match.
  static TextMatcher regex(base::Regex regex);
  // Whole decimal numbers from `start` to less than `end`, with an optional sign.
  static TextMatcher range(int64_t start, int64_t end);

  bool matches(std::string_view text) const;
  // For whoever indexes: the text that alone matches, when there is just one.
  std::optional<std::string_view> only() const;
  // "is \"a\"", "begins with \"a\"", "is there"
  std::string describe() const;

 private:
  enum class Kind : uint8_t { kPresent, kExact, kPrefix, kSuffix, kContains, kRegex, kRange };
  explicit TextMatcher(Kind kind) : kind_(kind) {}
  TextMatcher(Kind kind, std::string_view text, bool ignore_case);
  bool same(std::string_view text) const;

  Kind kind_;
  bool ignore_case_ = false;
  std::string text_ = {};  // in lower case when that makes no difference
  std::optional<base::Regex> regex_ = {};
  int64_t start_ = 0;
  int64_t end_ = 0;
};

// A condition on a field of a head. What is not there fulfils none. Several fields of one name
// count as one, joined by ",". Immutable.
class HeaderMatcher {
 public:
  // `name`: a field's, or ":method", ":path", ":authority", ":scheme".
  HeaderMatcher(std::string_view name, TextMatcher text, bool invert = false);

  // No allocation in the steady state.
  bool matches(const RequestHead& head) const;
  // Of a head without pseudo headers, which are not there.
  bool matches(const HeaderMap& fields) const;
  const std::string& name() const { return name_; }  // in lower case
  const TextMatcher& text() const { return text_; }
  bool inverted() const { return invert_; }
  // "header x-user is \"a\"", "not: header x-user is there"
  std::string describe() const;

 private:
  enum class Pseudo : uint8_t { kNone, kMethod, kPath, kAuthority, kScheme };
  static Pseudo pseudoOf(std::string_view name);
  bool holds(std::optional<std::string_view> value) const;

  std::string name_;
  HeaderId id_;
  Pseudo pseudo_;
  TextMatcher text_;
  bool invert_;
};

// A condition on a parameter of the query or on a cookie. What is not there fulfils none.
// Immutable.
class ParameterMatcher {
 public:
  ParameterMatcher(std::string_view name, TextMatcher text, bool invert = false)
      : name_(name), text_(std::move(text)), invert_(invert) {}

  // `target`: a path with its query. The value counts as decoded.
  bool matchesQuery(std::string_view target) const;
  bool matchesCookie(const HeaderMap& fields) const;
  const std::string& name() const { return name_; }
  const TextMatcher& text() const { return text_; }
  bool inverted() const { return invert_; }
  // "id is \"7\""
  std::string describe() const;

 private:
  std::string name_;
  TextMatcher text_;
  bool invert_;
};

// A share of what comes. Value.
struct Fraction {
  static constexpr uint32_t kAll = 1'000'000;
  uint32_t millionths = kAll;

  bool takes(base::Random& random) const {
    return millionths >= kAll || (millionths > 0 && random.uniform(kAll) < millionths);
  }
  // The same for the same `point`, whose values are spread evenly: a hash.
  bool takes(uint64_t point) const { return point % kAll < millionths; }
};

}  // namespace weir::http
