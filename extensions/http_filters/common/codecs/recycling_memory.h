#pragma once

#include <array>
#include <cstddef>

namespace weir::extensions::http_filters::common::codecs {

// What a library's object gave back, kept for its next one, which asks for about the same: for
// libraries whose objects cannot be begun again. Worker-confined; outlives what it gave out.
class RecyclingMemory {
 public:
  RecyclingMemory() = default;
  ~RecyclingMemory();
  RecyclingMemory(const RecyclingMemory&) = delete;
  RecyclingMemory& operator=(const RecyclingMemory&) = delete;

  // The library's hooks; `self` is the RecyclingMemory. Null: out of memory.
  static void* allocate(void* self, size_t bytes);
  static void release(void* self, void* memory);

 private:
  static constexpr size_t kMost = 48;                    // pieces kept
  static constexpr size_t kMostBytes = size_t{4} << 20;  // in them
  struct alignas(std::max_align_t) Piece {
    size_t bytes;  // behind this
  };
  Piece* take(size_t bytes);

  std::array<Piece*, kMost> free_{};
  size_t count_ = 0;
  size_t bytes_ = 0;
};

}  // namespace weir::extensions::http_filters::common::codecs
