#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weir::buffer {

class BlockPool;

// Who owns bytes that never change and that buffers of any number of workers use at once. The last
// reference destroys it, on whatever thread. Thread-safe.
class SharedOwner {
 public:
  SharedOwner(const SharedOwner&) = delete;
  SharedOwner& operator=(const SharedOwner&) = delete;

  void retain() const { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() const {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 protected:
  // One reference, its maker's.
  SharedOwner() = default;
  virtual ~SharedOwner() = default;

 private:
  mutable std::atomic<uint32_t> references_{1};
};

// A reference-counted piece of memory from a BlockPool, or, with capacity 0, a worker's reference
// to bytes of a SharedOwner. Worker-confined.
struct Block {
  BlockPool* pool;
  uint32_t references;
  uint32_t capacity;  // bytes behind the header
  uint32_t used;      // bytes handed out from the start; room behind them is free to fill
  char* data() { return reinterpret_cast<char*>(this + 1); }
};

// Size-classed free lists of blocks (512 B, 4 KiB, 16 KiB, 64 KiB) and of buffer nodes. Free lists
// are bounded in bytes; what is over goes back to the allocator. Worker-confined. Outlives every
// buffer.
class BlockPool {
 public:
  static constexpr size_t kSmallest = 512;
  static constexpr size_t kLargest = 64 * 1024;

  BlockPool() = default;
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // A block with at least `bytes` of capacity, one reference, used == 0. Above kLargest it comes
  // from the allocator and goes back there. At most 2 GiB.
  Block& acquire(size_t bytes);
  // Stands for bytes of `owner`, to which it holds one reference: no room, nothing to write to. One
  // reference, and no bytes in use but its own few.
  Block& acquireShared(const SharedOwner& owner);
  // Drops one reference.
  static void release(Block& block) {
    if (--block.references == 0) block.pool->recycle(block);
  }

  // For the gauges: bytes out in use and bytes waiting in free lists.
  size_t bytesInUse() const { return bytes_in_use_; }
  size_t bytesFree() const { return bytes_free_; }

 private:
  friend class Buffer;
  static constexpr int kClasses = 4;
  static constexpr size_t kNodeBytes = 32;
  struct Free {
    Free* next;
  };
  struct SharedBlock : Block {
    const SharedOwner* owner;
  };
  struct FreeList {
    Free* first = nullptr;
    uint32_t count = 0;
  };

  static int classOf(size_t bytes);
  void recycle(Block& block);
  void* acquireNode();
  void releaseNode(void* node);

  size_t bytes_in_use_ = 0;
  size_t bytes_free_ = 0;
  FreeList free_blocks_[kClasses];
  FreeList free_nodes_;
};

}  // namespace weir::buffer
