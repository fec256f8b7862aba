#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "source/buffer/block_pool.h"

namespace weir::buffer {

// A counted reference to bytes of one block. Move-only; share() makes another reference to the same
// bytes. Worker-confined.
class Slice {
 public:
  Slice() = default;
  Slice(Slice&& other) noexcept;
  Slice& operator=(Slice&& other) noexcept;
  ~Slice();
  // Adopts one reference to `block`.
  Slice(Block& block, const char* data, uint32_t size) : block_(&block), data_(data), size_(size) {}

  Slice share(size_t offset, size_t size) const;
  std::string_view view() const { return {data_, size_}; }
  size_t size() const { return size_; }

 private:
  friend class Buffer;
  Block* block_ = nullptr;
  const char* data_ = nullptr;
  uint32_t size_ = 0;
};

// A queue of bytes made of slices: what connections, codecs and filters hand to each other. Moving
// bytes between buffers of one worker moves references, not bytes. Worker-confined. An empty buffer
// holds no block. 32 bytes, so that idle connections can have some.
class Buffer {
 public:
  explicit Buffer(BlockPool& pool) : pool_(&pool) {}
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer() { clear(); }

  BlockPool& pool() const { return *pool_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Copies; fills the tail block's free room first when this buffer is its only user.
  void append(std::string_view bytes);
  // Takes the reference.
  void append(Slice slice);
  // `bytes` of `owner`, of which it takes a reference of its own; they are neither copied, however
  // few they are, nor ever written to. At most 4 GiB.
  void append(const SharedOwner& owner, std::string_view bytes);
  // Takes all of `other`, by reference except that pieces under kCopyBytes are copied into free
  // room at the tail (so a small body travels in the block of its head).
  void append(Buffer& other);
  // The same, but `other` keeps what it has.
  void appendShared(const Buffer& other);
  // Takes the first `count` bytes of `other` likewise; `count` <= other.size().
  void appendPrefix(Buffer& other, size_t count);
  void prepend(std::string_view bytes);

  // Contiguous room for at least `bytes` at the tail; write there, then commit what was written.
  // Valid until the next call on this buffer.
  std::span<char> reserve(size_t bytes);
  void commit(size_t bytes);

  // First piece; empty when the buffer is.
  std::string_view front() const {
    if (head_ == nullptr) return {};
    return {head_->data, head_->size};
  }
  // A reference to [data, data + size), which must lie within front().
  Slice shareFront(const char* data, size_t size) const;
  void drain(size_t bytes);
  void clear() {
    if (head_ != nullptr) freeAll();
  }
  // Fills `vectors` from the front; returns how many it used.
  size_t fill(std::span<iovec> vectors) const;
  // Makes the first `bytes` contiguous (copying if needed) and returns them.
  std::string_view linearize(size_t bytes);
  // Bytes of memory this buffer keeps alive, whole blocks counted: what limits are held against. Of
  // a SharedOwner's only what it refers to.
  size_t bytesPinned() const;
  // Copies out of blocks of which only a small part is used, so that a little left-over does not
  // keep a large read block alive.
  void compact();
  std::string toString() const;

  static constexpr size_t kCopyBytes = 2048;

 private:
  // One slice in the queue. Only the tail may be empty: room that was reserved and not yet filled.
  struct Node {
    Node* next;
    Block* block;  // one reference
    const char* data;
    uint32_t size;

    const char* end() const { return data + size; }
  };

  Node* makeNode(Block& block, const char* data, uint32_t size);
  void freeNode(Node* node);
  void freeAll();
  void link(Node* node);
  Node* unlinkFront();
  char* roomAtTail(size_t& room) const;
  size_t nextBlockBytes(size_t wanted) const;
  bool copyToTail(std::string_view bytes);

  BlockPool* pool_;
  Node* head_ = nullptr;
  Node* tail_ = nullptr;
  size_t size_ = 0;
};

}  // namespace weir::buffer
