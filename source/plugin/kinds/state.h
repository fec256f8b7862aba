#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>

#include "source/base/concat.h"

namespace weir::plugin {

inline constexpr uint32_t kMostStateBytes = 64 * 1024;
inline constexpr uint32_t kMostStateAlign = 16;

// Empty, or what is wrong with the state that a kind wants.
inline std::string problemOfState(uint32_t size, uint32_t align) {
  if (size > kMostStateBytes) {
    return base::concat("state_size is ", size, "; it must be at most ", kMostStateBytes);
  }
  if (align > kMostStateAlign || (align & (align - 1)) != 0) {
    return base::concat("state_align is ", align, "; it must be a power of two up to ",
                        kMostStateAlign, ", or 0");
  }
  return {};
}

// What an object of ours has behind it for a plugin's state, so that the two are one allocation:
// made with new (bytes) T(…), where T derives from it and is aligned to kMostStateAlign.
// Worker-confined.
class WithState {
 public:
  static void* operator new(size_t own, uint32_t state) { return ::operator new(own + state); }
  static void operator delete(void* memory, uint32_t) { ::operator delete(memory); }
  static void operator delete(void* memory) { ::operator delete(memory); }

 protected:
  WithState() = default;
  ~WithState() = default;
  // Zeroed, behind `object`, which is the whole one.
  template <class T>
  static void* stateOf(T& object, uint32_t bytes) {
    static_assert(alignof(T) == kMostStateAlign);
    void* const state = reinterpret_cast<char*>(&object) + sizeof(T);
    std::memset(state, 0, bytes);
    return state;
  }
};

}  // namespace weir::plugin
