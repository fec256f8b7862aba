#include "extensions/http_filters/common/access/json_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <new>
#include <string>
#include <vector>

#include "source/base/concat.h"
#include "source/base/utf8.h"

namespace weir::extensions::http_filters {
namespace {

using http::MetadataField;
using http::MetadataValue;

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

// Reads by recursive descent; the first problem ends it.
class Reader {
 public:
  Reader(std::string_view text, base::Arena& arena, const JsonLimits& limits)
      : text_(text), arena_(arena), limits_(limits) {}

  absl::StatusOr<MetadataValue> read() {
    MetadataValue value;
    if (text_.size() > limits_.max_bytes) return fail("is too long");
    if (!base::isUtf8(text_)) return fail("is not UTF-8");
    const bool read = readValue(value, 0);
    skipSpace();
    if (read && at_ != text_.size()) problem_ = "has something behind its end";
    if (!problem_.empty()) return fail(problem_);
    return value;
  }

 private:
  absl::Status fail(std::string_view what) const {
    const std::string message = base::concat("the JSON ", what, " (byte ", at_, ")");
    return absl::InvalidArgumentError(absl::string_view(message));
  }
  bool stop(std::string_view what) {
    problem_ = what;
    return false;
  }
  void skipSpace() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }
  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool takeWord(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return stop("has no value where one is needed");
    at_ += word.size();
    return true;
  }

  bool readValue(MetadataValue& to, size_t depth) {
    skipSpace();
    if (++values_ > limits_.max_values) return stop("has too many values");
    if (at_ == text_.size()) return stop("ends too early");
    switch (text_[at_]) {
      case '{':
        return readMembers(to, depth, '}');
      case '[':
        return readMembers(to, depth, ']');
      case '"':
        to.kind = MetadataValue::Kind::kText;
        return readText(to.text);
      case 't':
        to = MetadataValue::of(true);
        return takeWord("true");
      case 'f':
        to = MetadataValue::of(false);
        return takeWord("false");
      case 'n':
        return takeWord("null");
      default:
        return readNumber(to);
    }
  }

  bool readMembers(MetadataValue& to, size_t depth, char end) {
    ++at_;
    if (depth == limits_.max_depth) return stop("is nested too deeply");
    const bool object = end == '}';
    std::vector<MetadataField> members;
    skipSpace();
    if (!take(end)) {
      do {
        MetadataField& member = members.emplace_back();
        if (object && !readKey(member.key)) return false;
        if (!readValue(member.value, depth + 1)) return false;
        skipSpace();
      } while (take(','));
      if (!take(end)) return stop("lacks a comma or an end");
    }
    if (object && hasTwins(members)) return stop("has a member twice");
    to.kind = object ? MetadataValue::Kind::kStruct : MetadataValue::Kind::kList;
    to.count = members.size();
    to.first = keep(members);
    return true;
  }
  const MetadataField* keep(const std::vector<MetadataField>& members) {
    if (members.empty()) return nullptr;
    auto* const kept = static_cast<MetadataField*>(
        arena_.allocate(members.size() * sizeof(MetadataField), alignof(MetadataField)));
    for (size_t i = 0; i < members.size(); ++i) new (kept + i) MetadataField(members[i]);
    return kept;
  }
  static bool hasTwins(const std::vector<MetadataField>& members) {
    std::vector<std::string_view> keys;
    keys.reserve(members.size());
    for (const MetadataField& member : members) keys.push_back(member.key);
    std::sort(keys.begin(), keys.end());
    return std::adjacent_find(keys.begin(), keys.end()) != keys.end();
  }
  bool readKey(std::string_view& to) {
    skipSpace();
    if (at_ == text_.size() || text_[at_] != '"') return stop("lacks a member's name");
    if (!readText(to)) return false;
    skipSpace();
    return take(':') || stop("lacks a colon");
  }

  bool readText(std::string_view& to) {
    const size_t begin = ++at_;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\') {
      if (static_cast<unsigned char>(text_[at_++]) < 0x20) return stop("has a control character");
    }
    if (at_ < text_.size() && text_[at_] == '"') {
      to = arena_.copy(text_.substr(begin, at_++ - begin));
      return true;
    }
    return readEscapedText(std::string(text_.substr(begin, at_ - begin)), to);
  }
  bool readEscapedText(std::string plain, std::string_view& to) {
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') {
        to = arena_.copy(plain);
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20) return stop("has a control character");
      if (c != '\\') {
        plain.push_back(c);
      } else if (!readEscape(plain)) {
        return false;
      }
    }
    return stop("ends within a text");
  }
  bool readEscape(std::string& to) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (at_ == text_.size()) return stop("ends within a text");
    const char c = text_[at_++];
    if (c != 'u') {
      const size_t index = kNames.find(c);
      if (index == kNames.npos) return stop("has an unknown escape");
      to.push_back(kMeanings[index]);
      return true;
    }
    uint32_t code = 0;
    if (!readHex(code)) return false;
    if (code >= 0xd800 && code < 0xdc00) {
      uint32_t low = 0;
      if (!take('\\') || !take('u') || !readHex(low) || low < 0xdc00 || low > 0xdfff) {
        return stop("has half a surrogate pair");
      }
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code < 0xe000) {
      return stop("has half a surrogate pair");
    }
    base::appendUtf8(code, to);
    return true;
  }
  bool readHex(uint32_t& to) {
    if (text_.size() - at_ < 4) return stop("has an unfinished escape");
    const char* const begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, begin + 4, to, 16);
    if (error != std::errc() || end != begin + 4) return stop("has an escape that is no number");
    at_ += 4;
    return true;
  }

  bool readNumber(MetadataValue& to) {
    const size_t begin = at_;
    take('-');
    if (take('0')) {
      if (at_ < text_.size() && isDigit(text_[at_])) return stop("has a number that begins with 0");
    } else if (!skipDigits()) {
      return stop("has no value where one is needed");
    }
    if (take('.') && !skipDigits()) return stop("has an unfinished number");
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      if (!skipDigits()) return stop("has an unfinished number");
    }
    to.kind = MetadataValue::Kind::kNumber;
    const auto [end, error] = std::from_chars(text_.data() + begin, text_.data() + at_, to.number);
    const bool good = error == std::errc() && end == text_.data() + at_ && std::isfinite(to.number);
    return good || stop("has a number that is out of range");
  }
  bool skipDigits() {
    const size_t begin = at_;
    while (at_ < text_.size() && isDigit(text_[at_])) ++at_;
    return at_ > begin;
  }

  const std::string_view text_;
  base::Arena& arena_;
  const JsonLimits& limits_;
  size_t at_ = 0;
  size_t values_ = 0;
  std::string_view problem_;
};

}  // namespace

absl::StatusOr<MetadataValue> readJson(std::string_view text, base::Arena& arena,
                                       const JsonLimits& limits) {
  return Reader(text, arena, limits).read();
}

}  // namespace weir::extensions::http_filters
