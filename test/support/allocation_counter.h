#pragma once

#include <cstddef>
#include <string_view>

namespace weir::test {

// Counts allocations from the heap, by operator new or malloc, on threads whose name begins with a
// prefix. One at a time; linked into a test it replaces malloc. Thread-safe.
class AllocationCounter {
 public:
  // False under a sanitizer, which has an allocator of its own.
  static bool available();
  // Counts from now until it is destroyed. `thread_prefix` must stay; at most 15 bytes count.
  explicit AllocationCounter(std::string_view thread_prefix);
  ~AllocationCounter();
  size_t count() const;
  // The call stacks of the first allocations, to standard error.
  void printStacks() const;
};

}  // namespace weir::test
