#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>

#include "source/http/http2/head_writer.h"

namespace weir::http::http2 {

// Where the sessions of a thread, and nghttp2 for them, take memory: free lists by size, so that
// the streams of a steady state take nothing from the heap. The lists are bounded in bytes; what is
// over goes back to the heap, and so does what is larger than the largest class. Worker-confined:
// each thread has its own, and what one thread took another may give back (into its own lists).
class Memory {
 public:
  static Memory& ofThisThread();

  Memory() = default;
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // Aligned for any type; aborts when there is none.
  void* take(size_t bytes);
  // nullptr: nothing.
  void give(void* memory);
  void* resize(void* memory, size_t bytes);

  // The same as nghttp2 wants it.
  static nghttp2_mem* forNghttp2();
  HeadWriter& writer() { return writer_; }

  // While it lives, nghttp2 makes a session that composes frames in a buffer that all such sessions
  // of the thread share: idle connections are many, and that buffer alone is 16 KiB. For sessions
  // that take each frame out before anything else happens (Session::pull does), and that have
  // nothing to send from the outset (a client's preface is written into the buffer at once).
  class SharedFrameBuffer {
   public:
    SharedFrameBuffer() { ofThisThread().sharing_ = true; }
    ~SharedFrameBuffer() { ofThisThread().sharing_ = false; }
  };

 private:
  static constexpr size_t kSmallest = 64;
  static constexpr int kClasses = 15;  // 64, 96, 128, 192 … 8 KiB
  static constexpr size_t kFrameBufferBytes = 17 * 1024;
  static constexpr size_t kMaxFreeBytes = 1024 * 1024;
  // In front of each piece; while it is free, `next` is behind it.
  struct alignas(std::max_align_t) Header {
    uint32_t size_class;
    uint32_t bytes;  // of the piece, without this
  };
  struct Free {
    Free* next;
  };
  static constexpr uint32_t kShared = 0xffff;  // as a size class: `bytes` counts the sharers
  static Header& headerOf(void* memory) { return *(static_cast<Header*>(memory) - 1); }

  static int classOf(size_t bytes);
  static size_t bytesOf(int size_class);
  void* takeForNghttp2(size_t bytes);
  Free* free_[kClasses] = {};
  size_t free_bytes_ = 0;
  HeadWriter writer_;
  void* frame_buffer_ = nullptr;
  bool sharing_ = false;
};

}  // namespace weir::http::http2
