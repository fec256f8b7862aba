#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace weir::extensions::http_filters::body_matcher {

// A way through a JSON document (RFC 6901). Value.
class JsonPointer {
 public:
  static constexpr size_t kMaxSteps = 16;
  static constexpr size_t kNoIndex = ~size_t{0};
  struct Step {
    std::string name = {};
    size_t index = kNoIndex;  // in a list; kNoIndex: leads to no element
  };

  // Errors say what is wrong and what would be right.
  static absl::StatusOr<JsonPointer> parse(std::string_view text);
  const std::vector<Step>& steps() const { return steps_; }

 private:
  std::vector<Step> steps_;
};

struct JsonContainer {
  bool list = false;
};
// Nothing: null, or it is not there.
using JsonValue = std::variant<std::monostate, bool, double, std::string, JsonContainer>;

// Reads values out of JSON texts, in one pass and without keeping the document: memory is bounded
// by the nesting and by the texts that are asked for. Worker-confined; reused.
class JsonValues {
 public:
  static constexpr size_t kMaxDepth = 64;
  static constexpr size_t kMaxTextBytes = 4096;

  explicit JsonValues(std::span<const JsonPointer> pointers) : pointers_(pointers) {}

  // False: this is no JSON, or too deep. Then there are no values.
  bool read(std::string_view text);
  // As the pointers. Of members with the same name the last one counts.
  std::span<const JsonValue> values() const { return values_; }

 private:
  class Reader;

  const std::span<const JsonPointer> pointers_;
  std::vector<JsonValue> values_;
};

}  // namespace weir::extensions::http_filters::body_matcher
