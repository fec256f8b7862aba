#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::base {

// Bump allocator whose memory is given back as a whole. clear() keeps the first chunk (and, up to
// kKeptBytes, the others), so an object that is reused allocates nothing in the steady state.
// Views and objects stay where they are until clear(). Worker-confined.
class Arena {
 public:
  explicit Arena(size_t first_chunk_bytes = 2048) : first_chunk_bytes_(first_chunk_bytes) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* allocate(size_t bytes, size_t alignment = alignof(std::max_align_t)) {
    const size_t start = (position_ + alignment - 1) & ~(alignment - 1);
    if (current_ < chunks_.size() && start + bytes <= chunks_[current_].size) {
      position_ = start + bytes;
      return chunks_[current_].data.get() + start;
    }
    return allocateInNextChunk(bytes);
  }
  // A copy of `text` that lives until clear().
  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    char* data = static_cast<char*>(allocate(text.size(), 1));
    std::memcpy(data, text.data(), text.size());
    return {data, text.size()};
  }
  // Makes a T whose destructor nobody calls unless the caller does.
  template <class T, class... Args>
  T* create(Args&&... args) {
    return new (allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
  }
  void clear() {
    const bool usual = chunks_.size() == 1 && chunks_.front().size <= kKeptBytes;
    if (!usual) return trim();
    position_ = current_ = 0;
  }
  size_t bytesHeld() const;

 private:
  static constexpr size_t kKeptBytes = 16 * 1024;
  struct Chunk {
    std::unique_ptr<char[]> data;
    size_t size;
  };
  void* allocateInNextChunk(size_t bytes);
  // Clears, and gives back what is not kept.
  void trim();

  const size_t first_chunk_bytes_;
  size_t position_ = 0;
  size_t current_ = 0;
  std::vector<Chunk> chunks_;
};

// Owns an object that lives in an Arena: runs the destructor, leaves the memory to the arena.
struct DestroyOnly {
  template <class T>
  void operator()(T* object) const {
    object->~T();
  }
};
template <class T>
using ArenaPtr = std::unique_ptr<T, DestroyOnly>;

}  // namespace weir::base
