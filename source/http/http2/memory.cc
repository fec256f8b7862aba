#include "source/http/http2/memory.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

namespace weir::http::http2 {
namespace {

// AddressSanitizer sees what is used after it was given back only if it gets it.
#ifdef __SANITIZE_ADDRESS__
constexpr bool kKeepsFree = false;
#else
constexpr bool kKeepsFree = true;
#endif

}  // namespace

Memory& Memory::ofThisThread() {
  static thread_local Memory memory;
  return memory;
}

Memory::~Memory() {
  if (frame_buffer_ != nullptr) give(frame_buffer_);
  for (Free*& list : free_) {
    while (list != nullptr) {
      Free* const piece = list;
      list = piece->next;
      std::free(reinterpret_cast<Header*>(piece) - 1);
    }
  }
}

// kClasses: larger than all of them.
int Memory::classOf(size_t bytes) {
  if (bytes <= kSmallest) return 0;
  if (bytes > bytesOf(kClasses - 1)) return kClasses;
  const int doublings = std::bit_width((bytes - 1) / kSmallest);
  const int size_class = 2 * doublings;
  return bytes <= bytesOf(size_class - 1) ? size_class - 1 : size_class;
}

size_t Memory::bytesOf(int size_class) {
  const size_t unit = size_class % 2 == 0 ? kSmallest : kSmallest / 2 * 3;
  return unit << (size_class / 2);
}

void* Memory::take(size_t bytes) {
  const int size_class = classOf(bytes);
  if (size_class < kClasses) {
    bytes = bytesOf(size_class);
    if (Free* const piece = free_[size_class]) {
      free_[size_class] = piece->next;
      free_bytes_ -= bytes;
      return piece;
    }
  }
  auto* const header = static_cast<Header*>(std::malloc(sizeof(Header) + bytes));
  if (header == nullptr || bytes > UINT32_MAX) std::abort();
  header->size_class = static_cast<uint32_t>(size_class);
  header->bytes = static_cast<uint32_t>(bytes);
  return header + 1;
}

void Memory::give(void* memory) {
  if (memory == nullptr) return;
  Header* const header = &headerOf(memory);
  if (header->size_class == kShared && --header->bytes > 0) return;
  const bool keep = kKeepsFree && header->size_class < static_cast<uint32_t>(kClasses) &&
                    free_bytes_ + header->bytes <= kMaxFreeBytes;
  if (!keep) return std::free(header);
  auto* const piece = static_cast<Free*>(memory);
  piece->next = free_[header->size_class];
  free_[header->size_class] = piece;
  free_bytes_ += header->bytes;
}

void* Memory::resize(void* memory, size_t bytes) {
  if (memory == nullptr) return take(bytes);
  const Header& header = headerOf(memory);
  const size_t had = header.size_class == kShared ? kFrameBufferBytes : header.bytes;
  if (had >= bytes) return memory;
  void* const larger = take(bytes);
  std::memcpy(larger, memory, had);
  give(memory);
  return larger;
}

void* Memory::takeForNghttp2(size_t bytes) {
  const bool frames = sharing_ && bytes > 16 * 1024 && bytes <= kFrameBufferBytes;
  if (!frames) return take(bytes);
  if (frame_buffer_ == nullptr) {
    frame_buffer_ = take(kFrameBufferBytes);
    headerOf(frame_buffer_) = {kShared, /*bytes, here references:*/ 1};
  }
  ++headerOf(frame_buffer_).bytes;
  return frame_buffer_;
}

nghttp2_mem* Memory::forNghttp2() {
  static nghttp2_mem functions{
      nullptr,
      [](size_t size, void*) { return ofThisThread().takeForNghttp2(size); },
      [](void* memory, void*) { ofThisThread().give(memory); },
      [](size_t count, size_t size, void*) {
        void* const memory = ofThisThread().take(count * size);
        std::memset(memory, 0, count * size);
        return memory;
      },
      [](void* memory, size_t size, void*) {
        Memory& own = ofThisThread();
        return memory == nullptr ? own.takeForNghttp2(size) : own.resize(memory, size);
      },
  };
  return &functions;
}

}  // namespace weir::http::http2
