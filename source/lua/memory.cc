#include "source/lua/memory.h"

#include <cstdlib>

namespace weir::lua {

void* Memory::allocate(void* memory, void* pointer, size_t old_size, size_t new_size) {
  Memory& self = *static_cast<Memory*>(memory);
  if (pointer == nullptr) old_size = 0;
  if (new_size == 0) {
    std::free(pointer);
    self.used_ -= old_size;
    return nullptr;
  }
  if (new_size > old_size && new_size - old_size > self.limit_ - self.used_) {
    ++self.refusals_;
    return nullptr;
  }
  void* const result = std::realloc(pointer, new_size);
  if (result == nullptr) return nullptr;
  self.used_ += new_size - old_size;
  if (new_size > old_size) self.allocated_ += new_size - old_size;
  return result;
}

}  // namespace weir::lua
