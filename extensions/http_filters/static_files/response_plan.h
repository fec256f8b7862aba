#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/http_filters/common/byte_ranges.h"

namespace weir::extensions::http_filters::static_files {

// A piece of a response's body: `text`, then `size` bytes of the file from `offset`. Value.
struct Segment {
  std::string text = {};
  uint64_t offset = 0;
  uint64_t size = 0;
};

// What a response consists of. Value.
struct ResponsePlan {
  uint16_t status = 200;
  std::string content_type = {};   // empty: none
  std::string content_range = {};  // likewise
  uint64_t length = 0;
  std::vector<Segment> body = {};
};

// The whole file (200), parts of it (206, several of them as multipart/byteranges, RFC 9110 14.6),
// or none (416).
ResponsePlan planResponse(const common::ByteRanges& ranges, uint64_t size,
                          std::string_view content_type, std::string_view boundary);

}  // namespace weir::extensions::http_filters::static_files
