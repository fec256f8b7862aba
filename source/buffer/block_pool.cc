#include "source/buffer/block_pool.h"

#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace weir::buffer {
namespace {

constexpr size_t kClassBytes[] = {BlockPool::kSmallest, 4 * 1024, 16 * 1024, BlockPool::kLargest};
// How many of each class wait in the free list: 256 KiB, 1 MiB, 4 MiB and 8 MiB.
constexpr uint32_t kMostFree[] = {512, 256, 256, 128};
constexpr uint32_t kMostFreeNodes = 8192;
constexpr int kOversized = 4;

// A free block's bytes must not be touched: AddressSanitizer says so when they are.
void forbid([[maybe_unused]] const void* data, [[maybe_unused]] size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_POISON_MEMORY_REGION(data, bytes);
#endif
}

void allow([[maybe_unused]] const void* data, [[maybe_unused]] size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(data, bytes);
#endif
}

}  // namespace

int BlockPool::classOf(size_t bytes) {
  int size_class = 0;
  while (size_class < kClasses && bytes > kClassBytes[size_class]) ++size_class;
  return size_class;
}

Block& BlockPool::acquire(size_t bytes) {
  const int size_class = classOf(bytes);
  const size_t capacity = size_class == kOversized ? bytes : kClassBytes[size_class];
  void* memory;
  if (size_class != kOversized && free_blocks_[size_class].first != nullptr) {
    FreeList& list = free_blocks_[size_class];
    memory = list.first;
    list.first = list.first->next;
    --list.count;
    bytes_free_ -= capacity;
    allow(memory, sizeof(Block) + capacity);
  } else {
    memory = ::operator new(sizeof(Block) + capacity);
  }
  bytes_in_use_ += capacity;
  return *new (memory) Block{this, 1, static_cast<uint32_t>(capacity), 0};
}

Block& BlockPool::acquireShared(const SharedOwner& owner) {
  static_assert(sizeof(SharedBlock) <= kNodeBytes);
  owner.retain();
  return *new (acquireNode()) SharedBlock{{this, 1, 0, 0}, &owner};
}

void BlockPool::recycle(Block& block) {
  if (block.capacity == 0) {
    const SharedOwner* const owner = static_cast<SharedBlock&>(block).owner;
    releaseNode(&block);
    return owner->release();
  }
  const size_t capacity = block.capacity;
  const int size_class = classOf(capacity);
  bytes_in_use_ -= capacity;
  if (size_class == kOversized || free_blocks_[size_class].count >= kMostFree[size_class]) {
    ::operator delete(&block);
    return;
  }
  FreeList& list = free_blocks_[size_class];
  list.first = new (&block) Free{list.first};
  ++list.count;
  bytes_free_ += capacity;
  forbid(list.first + 1, sizeof(Block) + capacity - sizeof(Free));
}

void* BlockPool::acquireNode() {
  bytes_in_use_ += kNodeBytes;
  if (free_nodes_.first == nullptr) return ::operator new(kNodeBytes);
  Free* node = free_nodes_.first;
  free_nodes_.first = node->next;
  --free_nodes_.count;
  bytes_free_ -= kNodeBytes;
  allow(node, kNodeBytes);
  return node;
}

void BlockPool::releaseNode(void* node) {
  bytes_in_use_ -= kNodeBytes;
  if (free_nodes_.count >= kMostFreeNodes) {
    ::operator delete(node);
    return;
  }
  free_nodes_.first = new (node) Free{free_nodes_.first};
  ++free_nodes_.count;
  bytes_free_ += kNodeBytes;
  forbid(free_nodes_.first + 1, kNodeBytes - sizeof(Free));
}

BlockPool::~BlockPool() {
  const auto giveBack = [](FreeList& list, size_t bytes) {
    while (list.first != nullptr) {
      Free* free = list.first;
      list.first = free->next;
      allow(free, bytes);
      ::operator delete(free);
    }
  };
  for (int i = 0; i < kClasses; ++i) giveBack(free_blocks_[i], sizeof(Block) + kClassBytes[i]);
  giveBack(free_nodes_, kNodeBytes);
}

}  // namespace weir::buffer
