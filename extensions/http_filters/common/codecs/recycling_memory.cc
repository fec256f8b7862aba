#include "extensions/http_filters/common/codecs/recycling_memory.h"

#include <cstdlib>

namespace weir::extensions::http_filters::common::codecs {

RecyclingMemory::~RecyclingMemory() {
  for (size_t i = 0; i < count_; ++i) std::free(free_[i]);
}

// The smallest that fits and is not much too large.
RecyclingMemory::Piece* RecyclingMemory::take(size_t bytes) {
  size_t best = kMost;
  for (size_t i = 0; i < count_; ++i) {
    const size_t size = free_[i]->bytes;
    if (size < bytes || size > bytes + bytes / 2 + 64) continue;
    if (best == kMost || size < free_[best]->bytes) best = i;
  }
  if (best == kMost) return nullptr;
  Piece* const piece = free_[best];
  free_[best] = free_[--count_];
  bytes_ -= piece->bytes;
  return piece;
}

void* RecyclingMemory::allocate(void* self, size_t bytes) {
  Piece* piece = static_cast<RecyclingMemory*>(self)->take(bytes);
  if (piece == nullptr) {
    piece = static_cast<Piece*>(std::malloc(sizeof(Piece) + bytes));
    if (piece == nullptr) return nullptr;
    piece->bytes = bytes;
  }
  return piece + 1;
}

void RecyclingMemory::release(void* self, void* memory) {
  if (memory == nullptr) return;
  auto& mine = *static_cast<RecyclingMemory*>(self);
  Piece* const piece = static_cast<Piece*>(memory) - 1;
  if (mine.count_ == kMost || mine.bytes_ + piece->bytes > kMostBytes) return std::free(piece);
  mine.free_[mine.count_++] = piece;
  mine.bytes_ += piece->bytes;
}

}  // namespace weir::extensions::http_filters::common::codecs
