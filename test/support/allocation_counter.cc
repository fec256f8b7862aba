#include "test/support/allocation_counter.h"

#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>

#if defined(__SANITIZE_ADDRESS__) || defined(WEIR_THREAD_SANITIZER)
#define WEIR_COUNTS_ALLOCATIONS 0
#else
#define WEIR_COUNTS_ALLOCATIONS 1
#endif

namespace weir::test {
namespace {

constexpr size_t kMaxStacks = 3;
constexpr int kMaxFrames = 16;

struct Stack {
  void* frames[kMaxFrames];
  int depth;
};

std::atomic<bool> counting{false};
std::atomic<size_t> allocations{0};
std::string_view prefix;
Stack stacks[kMaxStacks];
// Within the counter itself: backtrace(3) may allocate.
thread_local bool inside = false;

bool onCountedThread() {
  char name[16] = "";
  ::pthread_getname_np(::pthread_self(), name, sizeof name);
  return std::string_view(name).starts_with(prefix);
}

[[maybe_unused]] void onAllocation() {
  if (!counting.load(std::memory_order_relaxed) || inside) return;
  inside = true;
  if (onCountedThread()) {
    const size_t index = allocations.fetch_add(1);
    if (index < kMaxStacks) stacks[index].depth = ::backtrace(stacks[index].frames, kMaxFrames);
  }
  inside = false;
}

}  // namespace

bool AllocationCounter::available() {
  return WEIR_COUNTS_ALLOCATIONS != 0;
}

AllocationCounter::AllocationCounter(std::string_view thread_prefix) {
  void* frame;
  ::backtrace(&frame, 1);  // loads what it needs
  prefix = thread_prefix.substr(0, 15);
  allocations = 0;
  counting = true;
}

AllocationCounter::~AllocationCounter() {
  counting = false;
}

size_t AllocationCounter::count() const {
  return allocations;
}

void AllocationCounter::printStacks() const {
  for (size_t i = 0; i < std::min(count(), kMaxStacks); ++i) {
    std::fprintf(stderr, "allocation %zu:\n", i + 1);
    ::backtrace_symbols_fd(stacks[i].frames, stacks[i].depth, STDERR_FILENO);
  }
}

}  // namespace weir::test

#if WEIR_COUNTS_ALLOCATIONS

// The C library's own functions stay reachable under these names; operator new calls malloc.
// NOLINTBEGIN(readability-identifier-naming)
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* old, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
// NOLINTEND(readability-identifier-naming)

void* malloc(size_t bytes) {
  weir::test::onAllocation();
  return __libc_malloc(bytes);
}

void* calloc(size_t count, size_t bytes) {
  weir::test::onAllocation();
  return __libc_calloc(count, bytes);
}

void* realloc(void* old, size_t bytes) {
  weir::test::onAllocation();
  return __libc_realloc(old, bytes);
}

void* memalign(size_t alignment, size_t bytes) {
  weir::test::onAllocation();
  return __libc_memalign(alignment, bytes);
}

void* aligned_alloc(size_t alignment, size_t bytes) {
  return memalign(alignment, bytes);
}

int posix_memalign(void** result, size_t alignment, size_t bytes) {
  *result = memalign(alignment, bytes);
  return *result == nullptr ? ENOMEM : 0;
}
}

#endif
