#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace weir::base {

// An array that grows and shrinks at its end without moving what it holds, so that no single append
// takes long. Its bytes are known before they are taken. Worker-confined.
template <class T, size_t kChunk>
class ChunkedArray {
 public:
  // With what malloc and the list of chunks add at the worst.
  static constexpr uint64_t kChunkBytes = kChunk * sizeof(T) + 32;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t index) { return chunks_[index / kChunk][index % kChunk]; }
  const T& operator[](size_t index) const { return chunks_[index / kChunk][index % kChunk]; }

  // What the next append() will allocate.
  uint64_t bytesToAppend() const { return size_ == chunks_.size() * kChunk ? kChunkBytes : 0; }
  void append(T value) {
    if (bytesToAppend() > 0) chunks_.push_back(std::make_unique<T[]>(kChunk));
    (*this)[size_++] = value;
  }
  // Bytes that were freed: half a chunk stays spare, nothing when it is empty.
  uint64_t removeLast() {
    --size_;
    const size_t wanted = size_ == 0 ? 0 : (size_ + kChunk / 2) / kChunk + 1;
    if (chunks_.size() <= wanted) return 0;
    const uint64_t freed = (chunks_.size() - wanted) * kChunkBytes;
    chunks_.resize(wanted);
    return freed;
  }

 private:
  std::vector<std::unique_ptr<T[]>> chunks_;
  size_t size_ = 0;
};

}  // namespace weir::base
