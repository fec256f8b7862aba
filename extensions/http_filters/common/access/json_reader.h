#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"

#include "source/base/arena.h"
#include "source/http/metadata.h"

namespace weir::extensions::http_filters {

struct JsonLimits {
  size_t max_bytes = 64 * 1024;
  size_t max_depth = 16;
  size_t max_values = 10'000;
};

// Reads one JSON text (RFC 8259) whole, strictly: UTF-8 only, no member twice in an object, no
// lone surrogates, no numbers that overflow a double. The values live in `arena`. The error says
// what is wrong and at which byte, and holds nothing of the text.
absl::StatusOr<http::MetadataValue> readJson(std::string_view text, base::Arena& arena,
                                             const JsonLimits& limits = {});

}  // namespace weir::extensions::http_filters
