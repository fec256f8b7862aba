#include "extensions/http_filters/body_matcher/json_values.h"

#include <charconv>
#include <utility>

#include "nlohmann/json.hpp"

#include "source/base/concat.h"

namespace weir::extensions::http_filters::body_matcher {
namespace {

// Of "7", and nothing of "07" and "-" (RFC 6901 4).
size_t indexOf(std::string_view text) {
  size_t index = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, index);
  if (parsed.ec != std::errc() || parsed.ptr != end) return JsonPointer::kNoIndex;
  return text.size() > 1 && text.front() == '0' ? JsonPointer::kNoIndex : index;
}

}  // namespace

absl::StatusOr<JsonPointer> JsonPointer::parse(std::string_view text) {
  JsonPointer pointer;
  if (text.empty()) return pointer;
  if (!text.starts_with('/')) {
    return absl::InvalidArgumentError(
        base::concat("a JSON Pointer is empty or begins with \"/\"; "
                     "write \"/",
                     text, "\""));
  }
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '/') {
      pointer.steps_.emplace_back();
      continue;
    }
    char c = text[i];
    if (c == '~') {
      const char escaped = i + 1 < text.size() ? text[i + 1] : '\0';
      if (escaped != '0' && escaped != '1') {
        return absl::InvalidArgumentError(
            "\"~\" stands alone; write \"~0\" for \"~\" and \"~1\" for \"/\"");
      }
      c = escaped == '0' ? '~' : '/';
      ++i;
    }
    pointer.steps_.back().name.push_back(c);
  }
  for (Step& step : pointer.steps_) step.index = indexOf(step.name);
  if (pointer.steps_.size() > kMaxSteps) {
    return absl::InvalidArgumentError("has more than 16 steps; read something less deep");
  }
  return pointer;
}

// Follows the events of the parser. For each pointer it knows how many of its steps the containers
// that are open agree with.
class JsonValues::Reader {
 public:
  Reader(std::span<const JsonPointer> pointers, std::vector<JsonValue>& values)
      : pointers_(pointers), values_(values), agree_(pointers.size(), 0) {}

  bool null() { return value(std::monostate()); }
  bool boolean(bool flag) { return value(flag); }
  bool number_integer(int64_t number) { return value(static_cast<double>(number)); }
  bool number_unsigned(uint64_t number) { return value(static_cast<double>(number)); }
  bool number_float(double number, const std::string&) { return value(number); }
  bool string(std::string& text) {
    if (text.size() > kMaxTextBytes) return value(std::monostate());
    return value(std::move(text));
  }
  bool binary(std::vector<uint8_t>&) { return false; }  // no JSON text has such
  bool start_object(size_t) { return open(false); }
  bool key(std::string& name) {
    levels_.back().name = std::move(name);
    return true;
  }
  bool end_object() { return close(); }
  bool start_array(size_t) { return open(true); }
  bool end_array() { return close(); }
  template <class Error>
  bool parse_error(size_t, const std::string&, const Error&) {
    return false;
  }

 private:
  // A container that is open.
  struct Level {
    bool list = false;
    size_t index = 0;  // of the next element
    std::string name;  // of the member that comes
  };

  // Whether `step` leads to what comes next in the innermost container.
  bool leads(const JsonPointer::Step& step) const {
    const Level& level = levels_.back();
    return level.list ? step.index == level.index : step.name == level.name;
  }
  // What comes next is what the pointer leads to, or on its way.
  bool onItsWay(size_t pointer) const {
    if (levels_.empty()) return true;
    const auto& steps = pointers_[pointer].steps();
    const size_t depth = levels_.size();
    return steps.size() >= depth && agree_[pointer] == depth - 1 && leads(steps[depth - 1]);
  }
  // What a member of the same name has led to before counts no more.
  template <class T>
  bool value(T made) {
    for (size_t i = 0; i < values_.size(); ++i) {
      if (!onItsWay(i)) continue;
      const bool target = pointers_[i].steps().size() == levels_.size();
      values_[i] = target ? JsonValue(made) : JsonValue();
    }
    if (!levels_.empty()) ++levels_.back().index;
    return true;
  }
  bool open(bool list) {
    const size_t depth = levels_.size();
    if (depth == kMaxDepth) return false;
    for (size_t i = 0; i < values_.size(); ++i) {
      if (!onItsWay(i)) continue;
      const bool target = pointers_[i].steps().size() == depth;
      values_[i] = target ? JsonValue(JsonContainer{list}) : JsonValue();
      if (!target) agree_[i] = depth;
    }
    levels_.push_back({list, 0, {}});
    return true;
  }
  bool close() {
    levels_.pop_back();
    const size_t depth = levels_.size();
    for (size_t& agree : agree_) {
      if (depth > 0 && agree >= depth) agree = depth - 1;
    }
    if (depth > 0) ++levels_.back().index;
    return true;
  }

  const std::span<const JsonPointer> pointers_;
  std::vector<JsonValue>& values_;
  std::vector<size_t> agree_;  // steps of each pointer, as far as containers are open
  std::vector<Level> levels_;
};

bool JsonValues::read(std::string_view text) {
  values_.assign(pointers_.size(), std::monostate());
  Reader reader(pointers_, values_);
  // The parser keeps no stack of its own but one bit for each level.
  const bool whole = nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
  if (!whole) values_.assign(pointers_.size(), std::monostate());
  return whole;
}

}  // namespace weir::extensions::http_filters::body_matcher
