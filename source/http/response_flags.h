#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "source/http/stream_error.h"

namespace weir::http {

// A response flag in words. Value.
struct ResponseFlagText {
  ResponseFlag flag;
  std::string_view name;  // "UH"
  // "no endpoint of the cluster could be picked"
  std::string_view meaning;
  // What to look at: "GET /clusters shows …"
  std::string_view look;
};

// All of them, in the order in which access logs print them.
std::span<const ResponseFlagText> responseFlagTexts();
std::optional<ResponseFlag> responseFlagNamed(std::string_view name);

}  // namespace weir::http
