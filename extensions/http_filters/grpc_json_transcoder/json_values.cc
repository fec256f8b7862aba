#include "extensions/http_filters/grpc_json_transcoder/json_values.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

// How long the paths of one field mask become, character by character.
class MaskMeter {
 public:
  void next(unsigned c) {
    if (c != '(' && c != ')' && c != ',') {
      ++segment_;
      return;
    }
    const uint64_t prefix = open_.empty() ? 0 : open_.back();
    total_ += prefix + segment_;
    if (c == '(') open_.push_back(prefix + segment_ + 1);
    if (c == ')' && !open_.empty()) open_.pop_back();
    segment_ = 0;
  }
  uint64_t finish() {
    next(',');
    open_.clear();
    return std::exchange(total_, 0);
  }

 private:
  std::vector<uint64_t> open_;  // lengths of what stands before each path behind a "("
  uint64_t segment_ = 0;
  uint64_t total_ = 0;
};

// The character that the escape at `at`, behind a backslash, stands for; `at` moves to its end.
unsigned escaped(std::string_view json, size_t& at) {
  unsigned code = static_cast<unsigned char>(json[at]);
  if (code != 'u' || json.size() - at < 5) return code;
  std::from_chars(json.data() + at + 1, json.data() + at + 5, code, 16);
  at += 4;
  return code;
}

}  // namespace

size_t jsonDepth(std::string_view json) {
  size_t depth = 0;
  size_t deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"') {
      in_string = !in_string;
    } else if (in_string) {
      if (c == '\\') ++i;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

uint64_t fieldMaskBytes(std::string_view json) {
  uint64_t bytes = 0;
  bool in_string = false;
  MaskMeter meter;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"') {
      in_string = !in_string;
      if (!in_string) bytes += meter.finish();
    } else if (in_string) {
      const bool escape = c == '\\' && i + 1 < json.size();
      meter.next(escape ? escaped(json, ++i) : static_cast<unsigned char>(c));
    }
  }
  return bytes;
}

bool isJsonSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool endsJsonScalar(char c) {
  return isJsonSpace(c) || c == ',' || c == ']' || c == '}' || c == ':' || c == '[' || c == '{' ||
         c == '"';
}

JsonValueScanner::State JsonValueScanner::next(char c) {
  if (in_string_) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      in_string_ = false;
      if (depth_ == 0) state_ = State::kComplete;
    }
    return state_;
  }
  if (state_ == State::kBefore) {
    if (isJsonSpace(c)) return state_;
    const bool scalar = c != '"' && c != '{' && c != '[';
    state_ = scalar ? State::kScalar : State::kInside;
    if (scalar) return state_;
  }
  if (c == '"') {
    in_string_ = true;
  } else if (c == '{' || c == '[') {
    ++depth_;
  } else if ((c == '}' || c == ']') && --depth_ == 0) {
    state_ = State::kComplete;
  }
  return state_;
}

bool isOneJsonValue(std::string_view text) {
  JsonValueScanner scanner;
  size_t i = 0;
  for (; i < text.size() && scanner.state() != JsonValueScanner::State::kComplete; ++i) {
    const bool scalar = scanner.state() == JsonValueScanner::State::kScalar;
    if (scalar && endsJsonScalar(text[i])) break;
    scanner.next(text[i]);
    const bool started_badly =
        !scalar && scanner.state() == JsonValueScanner::State::kScalar && endsJsonScalar(text[i]);
    if (started_badly) return false;
  }
  while (i < text.size() && isJsonSpace(text[i])) ++i;
  const bool whole = scanner.state() == JsonValueScanner::State::kComplete ||
                     scanner.state() == JsonValueScanner::State::kScalar;
  return whole && i == text.size();
}

void JsonValueReader::add(std::string_view bytes) {
  const size_t done = place_ == Place::kValue ? value_start_ : at_;
  held_.erase(0, done);
  dropped_ += done;
  at_ -= done;
  value_start_ = 0;
  held_.append(bytes);
}

JsonValueReader::Result JsonValueReader::fail(std::string_view problem) {
  problem_ = problem;
  return Result::kMalformed;
}

// The value ends before at_.
JsonValueReader::Result JsonValueReader::cut(std::string_view& value) {
  value = std::string_view(held_).substr(value_start_, at_ - value_start_);
  place_ = in_array_ ? Place::kAfterElement : Place::kLine;
  return value.size() > max_value_bytes_ ? Result::kTooLarge : Result::kValue;
}

JsonValueReader::Result JsonValueReader::next(std::string_view& value) {
  if (!problem_.empty()) return Result::kMalformed;
  while (at_ < held_.size()) {
    const char c = held_[at_];
    if (place_ == Place::kValue) {
      if (scanner_.state() == JsonValueScanner::State::kScalar) {
        if (endsJsonScalar(c)) return cut(value);
        ++at_;
      } else {
        ++at_;
        if (scanner_.next(c) == JsonValueScanner::State::kComplete) return cut(value);
      }
      if (at_ - value_start_ > max_value_bytes_) return Result::kTooLarge;
      continue;
    }
    if (isJsonSpace(c)) {
      ++at_;
      continue;
    }
    switch (place_) {
      case Place::kStart:
        if (c == '[') {
          in_array_ = true;
          place_ = Place::kFirstElement;
          ++at_;
          continue;
        }
        break;
      case Place::kFirstElement:
        if (c == ']') {
          place_ = Place::kEnd;
          ++at_;
          continue;
        }
        break;
      case Place::kAfterElement:
        if (c != ',' && c != ']') return fail("expected \",\" or \"]\" behind an element");
        place_ = c == ',' ? Place::kElement : Place::kEnd;
        ++at_;
        continue;
      case Place::kEnd:
        return fail("text behind the end of the array");
      case Place::kElement:
      case Place::kLine:
      case Place::kValue:
        break;
    }
    if (c == ',' || c == ']' || c == '}' || c == ':') return fail("expected a value");
    place_ = Place::kValue;
    value_start_ = at_;
    scanner_ = {};
    scanner_.next(c);
    ++at_;
  }
  return Result::kMore;
}

JsonValueReader::Result JsonValueReader::finish(std::string_view& value) {
  const Result result = next(value);
  if (result != Result::kMore) return result;
  switch (place_) {
    case Place::kValue:
      if (scanner_.state() == JsonValueScanner::State::kScalar && !in_array_) return cut(value);
      return fail("the body ends inside of a value");
    case Place::kFirstElement:
    case Place::kElement:
    case Place::kAfterElement:
      return fail("the body ends inside of the array");
    case Place::kStart:
    case Place::kLine:
    case Place::kEnd:
      return Result::kMore;
  }
  return Result::kMore;
}

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
