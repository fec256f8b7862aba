#include "source/buffer/buffer.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>
#include <utility>

namespace weir::buffer {

Slice::Slice(Slice&& other) noexcept
    : block_(std::exchange(other.block_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Slice& Slice::operator=(Slice&& other) noexcept {
  std::swap(block_, other.block_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Slice::~Slice() {
  if (block_ != nullptr) BlockPool::release(*block_);
}

Slice Slice::share(size_t offset, size_t size) const {
  assert(offset + size <= size_);
  if (block_ == nullptr) return {};
  ++block_->references;
  return Slice(*block_, data_ + offset, static_cast<uint32_t>(size));
}

Buffer::Buffer(Buffer&& other) noexcept
    : pool_(other.pool_),
      head_(std::exchange(other.head_, nullptr)),
      tail_(std::exchange(other.tail_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this == &other) return *this;
  clear();
  pool_ = other.pool_;
  head_ = std::exchange(other.head_, nullptr);
  tail_ = std::exchange(other.tail_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

// Takes one reference to `block` over.
Buffer::Node* Buffer::makeNode(Block& block, const char* data, uint32_t size) {
  static_assert(sizeof(Node) <= BlockPool::kNodeBytes);
  return new (pool_->acquireNode()) Node{nullptr, &block, data, size};
}

void Buffer::freeNode(Node* node) {
  BlockPool::release(*node->block);
  pool_->releaseNode(node);
}

// Puts `node` behind the others. An empty tail (a reservation) gives way to it.
void Buffer::link(Node* node) {
  size_ += node->size;
  if (tail_ != nullptr && tail_->size == 0) {
    std::swap(tail_->block, node->block);
    std::swap(tail_->data, node->data);
    std::swap(tail_->size, node->size);
    freeNode(node);
    return;
  }
  (tail_ == nullptr ? head_ : tail_->next) = node;
  tail_ = node;
}

// Takes the first node out; the caller owns it.
Buffer::Node* Buffer::unlinkFront() {
  Node* node = head_;
  head_ = node->next;
  if (head_ == nullptr) tail_ = nullptr;
  node->next = nullptr;
  size_ -= node->size;
  return node;
}

// Where bytes can be added behind the last one without disturbing anybody, and how many.
char* Buffer::roomAtTail(size_t& room) const {
  room = 0;
  if (tail_ == nullptr || tail_->block->references != 1) return nullptr;
  Block& block = *tail_->block;
  if (block.capacity == 0) return nullptr;  // somebody else's
  const size_t used = static_cast<size_t>(tail_->end() - block.data());
  room = block.capacity - used;
  return block.data() + used;
}

// Blocks grow with what is in the buffer, so that many small appends do not make many small blocks.
size_t Buffer::nextBlockBytes(size_t wanted) const {
  constexpr size_t kMostAhead = 16 * 1024;
  const size_t ahead =
      tail_ == nullptr ? 0 : std::min<size_t>(size_t{tail_->block->capacity} * 2, kMostAhead);
  return std::max(wanted, ahead);
}

// All or nothing.
bool Buffer::copyToTail(std::string_view bytes) {
  size_t room;
  char* to = roomAtTail(room);
  if (room < bytes.size()) return false;
  if (bytes.empty()) return true;
  std::memcpy(to, bytes.data(), bytes.size());
  tail_->size += static_cast<uint32_t>(bytes.size());
  tail_->block->used = static_cast<uint32_t>(tail_->end() - tail_->block->data());
  size_ += bytes.size();
  return true;
}

void Buffer::append(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t room;
    roomAtTail(room);
    if (room == 0) {
      Block& block = pool_->acquire(nextBlockBytes(std::min(bytes.size(), BlockPool::kLargest)));
      room = block.capacity;
      link(makeNode(block, block.data(), 0));
    }
    const size_t count = std::min(room, bytes.size());
    copyToTail(bytes.substr(0, count));
    bytes.remove_prefix(count);
  }
}

void Buffer::append(Slice slice) {
  if (slice.size_ == 0) return;
  link(makeNode(*std::exchange(slice.block_, nullptr), slice.data_, slice.size_));
}

void Buffer::append(const SharedOwner& owner, std::string_view bytes) {
  if (bytes.empty()) return;
  link(makeNode(pool_->acquireShared(owner), bytes.data(), static_cast<uint32_t>(bytes.size())));
}

void Buffer::append(Buffer& other) {
  assert(this != &other);
  if (head_ == nullptr) {
    std::swap(head_, other.head_);
    std::swap(tail_, other.tail_);
    std::swap(size_, other.size_);
    return;
  }
  appendPrefix(other, other.size_);
  other.clear();
}

void Buffer::appendShared(const Buffer& other) {
  assert(this != &other);
  for (const Node* node = other.head_; node != nullptr; node = node->next) {
    if (node->size == 0) continue;
    if (node->size < kCopyBytes) {
      append(std::string_view(node->data, node->size));
      continue;
    }
    ++node->block->references;
    link(makeNode(*node->block, node->data, node->size));
  }
}

void Buffer::appendPrefix(Buffer& other, size_t count) {
  assert(this != &other && count <= other.size_);
  while (count > 0) {
    Node* node = other.head_;
    const size_t piece = std::min<size_t>(node->size, count);
    if (piece < kCopyBytes && copyToTail({node->data, piece})) {
      other.drain(piece);
    } else if (piece == node->size) {
      link(other.unlinkFront());
    } else {
      append(other.shareFront(node->data, piece));
      other.drain(piece);
    }
    count -= piece;
  }
}

void Buffer::prepend(std::string_view bytes) {
  if (bytes.empty()) return;
  if (head_ == nullptr || head_->size == 0) return append(bytes);
  Block* block = head_->block;
  const bool sole = block->references == 1 && block->capacity > 0;
  if (sole && static_cast<size_t>(head_->data - block->data()) >= bytes.size()) {
    head_->data -= bytes.size();
    head_->size += static_cast<uint32_t>(bytes.size());
    std::memcpy(const_cast<char*>(head_->data), bytes.data(), bytes.size());
    size_ += bytes.size();
    return;
  }
  // At the end of its block, so that the next prepend finds room in front.
  Block& fresh = pool_->acquire(bytes.size());
  fresh.used = fresh.capacity;
  char* to = fresh.data() + fresh.capacity - bytes.size();
  std::memcpy(to, bytes.data(), bytes.size());
  Node* node = makeNode(fresh, to, static_cast<uint32_t>(bytes.size()));
  node->next = head_;
  head_ = node;
  size_ += bytes.size();
}

std::span<char> Buffer::reserve(size_t bytes) {
  size_t room;
  char* to = roomAtTail(room);
  if (to == nullptr || room < bytes) {
    Block& block = pool_->acquire(std::max<size_t>(bytes, 1));
    room = block.capacity;
    to = block.data();
    link(makeNode(block, to, 0));
  }
  return {to, room};
}

void Buffer::commit(size_t bytes) {
  if (bytes == 0) {
    if (size_ == 0) clear();
    return;
  }
  assert(tail_ != nullptr && tail_->end() + bytes <= tail_->block->data() + tail_->block->capacity);
  tail_->size += static_cast<uint32_t>(bytes);
  tail_->block->used = static_cast<uint32_t>(tail_->end() - tail_->block->data());
  size_ += bytes;
}

Slice Buffer::shareFront(const char* data, size_t size) const {
  if (size == 0) return {};
  assert(head_ != nullptr && data >= head_->data && data + size <= head_->end());
  ++head_->block->references;
  return Slice(*head_->block, data, static_cast<uint32_t>(size));
}

void Buffer::drain(size_t bytes) {
  assert(bytes <= size_);
  if (bytes == size_) return clear();
  while (bytes > 0) {
    if (bytes < head_->size) {
      head_->data += bytes;
      head_->size -= static_cast<uint32_t>(bytes);
      size_ -= bytes;
      return;
    }
    bytes -= head_->size;
    freeNode(unlinkFront());
  }
}

void Buffer::freeAll() {
  while (head_ != nullptr) freeNode(unlinkFront());
}

size_t Buffer::fill(std::span<iovec> vectors) const {
  size_t count = 0;
  for (Node* node = head_; node != nullptr && count < vectors.size(); node = node->next) {
    if (node->size == 0) continue;
    vectors[count++] = {const_cast<char*>(node->data), node->size};
  }
  return count;
}

std::string_view Buffer::linearize(size_t bytes) {
  assert(bytes <= size_);
  if (head_ == nullptr || head_->size >= bytes) return front().substr(0, bytes);
  Block& block = pool_->acquire(bytes);
  char* to = block.data();
  for (size_t copied = 0; copied < bytes;) {
    const size_t piece = std::min<size_t>(head_->size, bytes - copied);
    std::memcpy(to + copied, head_->data, piece);
    copied += piece;
    drain(piece);
  }
  block.used = static_cast<uint32_t>(bytes);
  Node* node = makeNode(block, to, block.used);
  node->next = head_;
  head_ = node;
  if (tail_ == nullptr) tail_ = node;
  size_ += bytes;
  return {to, bytes};
}

size_t Buffer::bytesPinned() const {
  size_t pinned = 0;
  const Block* previous = nullptr;
  for (Node* node = head_; node != nullptr; node = node->next) {
    if (node->block->capacity == 0) {
      pinned += node->size;
    } else if (node->block != previous) {
      pinned += node->block->capacity;
    }
    previous = node->block;
  }
  return pinned;
}

void Buffer::compact() {
  Buffer compacted(*pool_);
  while (size_ > 0) {
    // A run is what neighbouring nodes use of one block; it is small below a quarter.
    const Block* block = head_->block;
    size_t run = 0;
    for (Node* node = head_; node != nullptr && node->block == block; node = node->next) {
      run += node->size;
    }
    const bool small = run * 4 < block->capacity && block->capacity > BlockPool::kSmallest;
    if (small) compacted.reserve(run);
    for (size_t left = run; left > 0;) {
      const size_t piece = head_->size;
      if (small) {
        compacted.copyToTail(front());
        drain(piece);
      } else {
        compacted.link(unlinkFront());
      }
      left -= piece;
    }
  }
  *this = std::move(compacted);
}

std::string Buffer::toString() const {
  std::string text;
  text.reserve(size_);
  for (Node* node = head_; node != nullptr; node = node->next) text.append(node->data, node->size);
  return text;
}

}  // namespace weir::buffer
