#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "extensions/http_filters/cache/memory_account.h"
#include "extensions/http_filters/cache/shared_ref.h"
#include "source/buffer/buffer.h"

namespace weir::extensions::http_filters::cache {

// Some bytes of a body, whose memory is accounted for as long as somebody refers to it.
// Thread-safe, but that one thread fills it.
class BodyPiece final : public buffer::SharedOwner {
 public:
  // The bytes, and what stands around them, have been reserved.
  BodyPiece(size_t capacity, std::shared_ptr<MemoryAccount> account);
  ~BodyPiece() override;

  static uint64_t cost(size_t capacity) { return capacity + sizeof(BodyPiece); }
  size_t capacity() const { return capacity_; }
  char* data() { return data_.get(); }
  const char* data() const { return data_.get(); }

 private:
  const std::unique_ptr<char[]> data_;
  const size_t capacity_;
  const std::shared_ptr<MemoryAccount> account_;
};

// The body of a response, which one worker writes and any number of workers read, also while it
// still comes. Read without a lock when it is complete. Thread-safe.
class StoredBody final : public buffer::SharedOwner {
 public:
  // `length`: how long it will be; ~0: not known.
  StoredBody(uint64_t length, std::shared_ptr<MemoryAccount> account);

  // Of its writer, all of them. What the next bytes cost beyond what has been reserved; append()
  // takes at most as many as fit into `most`, which have been reserved, gives back what it does not
  // use, and drains them from `data`.
  uint64_t costOf(size_t bytes) const;
  void append(buffer::Buffer& data);
  void finish();

  bool complete() const { return complete_.load(std::memory_order_acquire); }
  // As far as it has come.
  uint64_t size() const { return size_.load(std::memory_order_acquire); }
  // Appends up to `most` bytes from `from` on, as far as they are here; how many.
  size_t read(uint64_t from, size_t most, buffer::Buffer& to) const;

 private:
  static constexpr size_t kPieceBytes = 64 * 1024;
  static constexpr size_t kUnknownPieceBytes = 16 * 1024;
  // Shorter ones are copied: a reference costs more.
  static constexpr size_t kCopyBytes = 1024;

  size_t nextPieceBytes(uint64_t at) const;
  size_t readPieces(uint64_t from, size_t most, buffer::Buffer& to) const;

  const std::shared_ptr<MemoryAccount> account_;
  const uint64_t length_;
  const size_t piece_bytes_;  // of all but the last
  mutable std::mutex mutex_;  // of `pieces_` until it is complete
  std::vector<SharedRef<BodyPiece>> pieces_;
  uint64_t capacity_ = 0;  // of all pieces
  std::atomic<uint64_t> size_{0};
  std::atomic<bool> complete_{false};
};

}  // namespace weir::extensions::http_filters::cache
