#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir::extensions::http_filters::common {

// Bytes first…last, both counted. Value.
struct ByteRange {
  uint64_t first = 0;
  uint64_t last = 0;

  uint64_t size() const { return last - first + 1; }
};

// What a Range field asks of a representation (RFC 9110 14.2). Value.
struct ByteRanges {
  static constexpr size_t kMost = 16;
  enum class Kind : uint8_t {
    kWhole,          // no ranges, or none that are honoured: the whole of it, with 200
    kParts,          // 206
    kUnsatisfiable,  // 416
  };

  Kind kind = Kind::kWhole;
  size_t count = 0;
  std::array<ByteRange, kMost> all{};

  std::span<const ByteRange> parts() const { return {all.data(), count}; }
};

// `field`: the value of Range, empty for none; `size`: of the representation. What is malformed, of
// another unit, more than kMost ranges, or more bytes than there are (ranges that overlap) is
// ignored, as RFC 9110 14.2 allows: the client gets all of it instead of work being made.
ByteRanges readByteRanges(std::string_view field, uint64_t size);

}  // namespace weir::extensions::http_filters::common
