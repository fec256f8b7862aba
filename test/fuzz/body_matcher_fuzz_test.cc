#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nlohmann/json.hpp"

#include "extensions/http_filters/body_matcher/json_values.h"

namespace {

using weir::extensions::http_filters::body_matcher::JsonContainer;
using weir::extensions::http_filters::body_matcher::JsonPointer;
using weir::extensions::http_filters::body_matcher::JsonValue;
using weir::extensions::http_filters::body_matcher::JsonValues;
using Json = nlohmann::json;

// What the steps lead to; null: nothing.
const Json* follow(const JsonPointer& pointer, const Json& document) {
  // By hand: a json_pointer of the library throws for a step into a list that is no number.
  const Json* at = &document;
  for (const JsonPointer::Step& step : pointer.steps()) {
    if (at->is_object() && at->contains(step.name)) {
      at = &(*at)[step.name];
    } else if (at->is_array() && step.index < at->size()) {
      at = &(*at)[step.index];
    } else {
      return nullptr;
    }
  }
  return at;
}

// As JsonValues gives it.
JsonValue valueOf(const Json* at) {
  if (at == nullptr || at->is_null()) return {};
  if (at->is_boolean()) return at->get<bool>();
  if (at->is_number()) return at->get<double>();
  if (at->is_structured()) return JsonContainer{at->is_array()};
  const auto& text = at->get_ref<const std::string&>();
  return text.size() > JsonValues::kMaxTextBytes ? JsonValue() : JsonValue(text);
}

bool same(const JsonValue& a, const JsonValue& b) {
  if (a.index() != b.index()) return false;
  if (const auto* const flag = std::get_if<bool>(&a)) return *flag == std::get<bool>(b);
  if (const auto* const number = std::get_if<double>(&a)) return *number == std::get<double>(b);
  if (const auto* const text = std::get_if<std::string>(&a)) {
    return *text == std::get<std::string>(b);
  }
  const auto* const container = std::get_if<JsonContainer>(&a);
  return container == nullptr || container->list == std::get<JsonContainer>(b).list;
}

}  // namespace

// A JSON Pointer, a line feed, and a text: what is read is what a parser finds that keeps the
// document. Only that may be nested deeper.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find('\n');
  if (end == std::string_view::npos || size > 64 * 1024) return 0;
  const std::string pointer(input.substr(0, end));
  const std::string_view text = input.substr(end + 1);
  auto parsed = JsonPointer::parse(pointer);
  if (!parsed.ok()) return 0;
  const std::vector<JsonPointer> pointers = {*std::move(parsed)};
  JsonValues values(pointers);
  const bool read = values.read(text);
  const Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (read && document.is_discarded()) abort();
  if (!read) return 0;
  if (!same(values.values().front(), valueOf(follow(pointers.front(), document)))) abort();
  return 0;
}
