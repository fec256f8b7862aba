#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::lua {

class State;

// Counts and bounds what one lua_State allocates. Worker-confined.
class Memory {
 public:
  Memory(State& owner, size_t limit) : owner_(owner), limit_(limit) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  State& owner() const { return owner_; }
  size_t used() const { return used_; }
  size_t limit() const { return limit_; }
  uint64_t allocated() const { return allocated_; }  // in all, ever
  uint32_t refusals() const { return refusals_; }

  // lua_Alloc; `memory` is this.
  static void* allocate(void* memory, void* pointer, size_t old_size, size_t new_size);

 private:
  State& owner_;
  const size_t limit_;
  size_t used_ = 0;
  uint64_t allocated_ = 0;
  uint32_t refusals_ = 0;
};

}  // namespace weir::lua
