#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"

#include "extensions/http_filters/body_matcher/json_values.h"

namespace {

using weir::extensions::http_filters::body_matcher::JsonPointer;
using weir::extensions::http_filters::body_matcher::JsonValues;
using Json = nlohmann::json;

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
  const auto* const found = std::get_if<std::string>(values.values().data());
  if (found == nullptr) return 0;
  // By hand: a json_pointer of the library throws for a step into a list that is no number.
  const Json* at = &document;
  for (const JsonPointer::Step& step : pointers.front().steps()) {
    if (at->is_object() && at->contains(step.name)) {
      at = &(*at)[step.name];
    } else if (at->is_array() && step.index < at->size()) {
      at = &(*at)[step.index];
    } else {
      abort();
    }
  }
  if (!at->is_string() || at->get_ref<const std::string&>() != *found) abort();
  return 0;
}
