// The memory that BoringSSL works with. It takes and frees a block for each record that is read or
// written, in sizes that come again and again, and the C library would be asked for each of them.
// BoringSSL calls these functions when the program has them (OPENSSL_memory_alloc and the two
// others in its crypto/mem.c).
//
// Freed blocks wait on the thread that freed them, up to a bound, until one of the size is wanted.
// What may be a key, that is whatever is smaller than kWipedBelow, is wiped when it is freed.

#include <openssl/mem.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace weir::extensions::transport_sockets {
namespace {

// Sizes are rounded up to a multiple of 32, of 256 above 512, of 1024 above 4096.
constexpr size_t kSmall = 512;
constexpr size_t kMiddle = 4 * 1024;
constexpr size_t kLargest = 20 * 1024;  // a little more than a record
constexpr size_t kSmallClasses = kSmall / 32;
constexpr size_t kMiddleClasses = (kMiddle - kSmall) / 256;
constexpr size_t kClasses = kSmallClasses + kMiddleClasses + (kLargest - kMiddle) / 1024;
constexpr size_t kWipedBelow = 8 * 1024;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t kMostWaiting = 0;  // so that they see every use after free
#else
constexpr size_t kMostWaiting = 256 * 1024;
#endif

struct alignas(16) Header {
  size_t bytes;  // that were asked for
  Header* next;  // while it waits
};

struct SizeClass {
  size_t index;
  size_t bytes;
};

constexpr SizeClass classOf(size_t bytes) {
  if (bytes == 0) return {0, 32};
  if (bytes <= kSmall) {
    const size_t index = (bytes - 1) / 32;
    return {index, (index + 1) * 32};
  }
  if (bytes <= kMiddle) {
    const size_t index = (bytes - kSmall - 1) / 256;
    return {kSmallClasses + index, kSmall + (index + 1) * 256};
  }
  const size_t index = (bytes - kMiddle - 1) / 1024;
  return {kSmallClasses + kMiddleClasses + index, kMiddle + (index + 1) * 1024};
}
static_assert(classOf(kLargest).index == kClasses - 1 && classOf(kLargest).bytes == kLargest);
static_assert(classOf(kSmall + 1).index == kSmallClasses && classOf(kSmall).bytes == kSmall);

// Of one thread; without a destructor, as BoringSSL frees its own thread's state when C++ has
// destroyed its.
struct Waiting {
  Header* blocks[kClasses];
  size_t bytes;
  bool closed;
};
thread_local constinit Waiting waiting{};

// Frees what waits when the thread ends.
struct Closing {
  ~Closing() {
    waiting.closed = true;
    for (Header*& list : waiting.blocks) {
      while (Header* const block = list) {
        list = block->next;
        std::free(block);
      }
    }
  }
  bool ready = true;
};
thread_local Closing closing;

bool keep(Header* block) {
  const SizeClass size = classOf(block->bytes);
  if (waiting.closed || waiting.bytes + size.bytes > kMostWaiting || !closing.ready) return false;
  waiting.bytes += size.bytes;
  block->next = waiting.blocks[size.index];
  waiting.blocks[size.index] = block;
  return true;
}

Header* obtain(size_t bytes) {
  if (bytes > kLargest) {
    if (bytes > SIZE_MAX / 2) return nullptr;
    return static_cast<Header*>(std::malloc(sizeof(Header) + bytes));
  }
  const SizeClass size = classOf(bytes);
  Header* const block = waiting.blocks[size.index];
  if (block == nullptr) return static_cast<Header*>(std::malloc(sizeof(Header) + size.bytes));
  waiting.blocks[size.index] = block->next;
  waiting.bytes -= size.bytes;
  return block;
}

}  // namespace

// NOLINTBEGIN(readability-identifier-naming)
extern "C" {

void* OPENSSL_memory_alloc(size_t size) {
  Header* const block = obtain(size);
  if (block == nullptr) return nullptr;
  block->bytes = size;
  return block + 1;
}

void OPENSSL_memory_free(void* pointer) {
  if (pointer == nullptr) return;
  Header* const block = static_cast<Header*>(pointer) - 1;
  if (block->bytes < kWipedBelow) OPENSSL_cleanse(pointer, block->bytes);
  if (block->bytes > kLargest || !keep(block)) std::free(block);
}

size_t OPENSSL_memory_get_size(void* pointer) {
  return pointer == nullptr ? 0 : (static_cast<Header*>(pointer) - 1)->bytes;
}
}
// NOLINTEND(readability-identifier-naming)

}  // namespace weir::extensions::transport_sockets
