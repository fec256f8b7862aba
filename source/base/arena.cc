#include "source/base/arena.h"

#include <algorithm>

namespace weir::base {

void* Arena::allocateInNextChunk(size_t bytes) {
  size_t next = chunks_.empty() ? 0 : current_ + 1;
  while (next < chunks_.size() && chunks_[next].size < bytes) ++next;
  if (next >= chunks_.size()) {
    const size_t doubled = chunks_.empty() ? first_chunk_bytes_ : chunks_.back().size * 2;
    const size_t size = std::max(std::min<size_t>(doubled, 64 * 1024), bytes);
    chunks_.push_back({std::unique_ptr<char[]>(new char[size]), size});
    next = chunks_.size() - 1;
  }
  current_ = next;
  position_ = bytes;
  return chunks_[current_].data.get();
}

void Arena::trim() {
  size_t held = 0;
  size_t keep = 0;
  while (keep < chunks_.size() && held + chunks_[keep].size <= kKeptBytes) {
    held += chunks_[keep++].size;
  }
  chunks_.resize(keep);
  position_ = current_ = 0;
}

size_t Arena::bytesHeld() const {
  size_t held = 0;
  for (const Chunk& chunk : chunks_) held += chunk.size;
  return held;
}

}  // namespace weir::base
