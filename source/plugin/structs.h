#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "api/weir/plugin/plugin.h"

// What comes across the boundary to plugins, in our words. Every function is thread-safe.
namespace weir::plugin {

inline weir_str str(std::string_view text) {
  return {text.data(), text.size()};
}

// A text of a plugin: empty when it has no bytes to show.
inline std::string_view view(const weir_str& text) {
  return text.data == nullptr ? std::string_view() : std::string_view(text.data, text.size);
}

// The size that a plugin's struct claims; it stands in front of all of them.
inline uint32_t claimedSize(const void* from) {
  uint32_t size = 0;
  std::memcpy(&size, from, sizeof size);
  return size;
}

// A plugin's struct as this Weir knows it: of a shorter one the rest is zero, of a longer one what
// is not known stays where it is.
template <class T>
T readStruct(const void* from) {
  T to{};
  std::memcpy(&to, from, std::min<size_t>(claimedSize(from), sizeof(T)));
  to.size = sizeof(T);
  return to;
}

// The same for kinds, whose size is that of their weir_kind.
template <class T>
T readKind(const void* from) {
  T to{};
  std::memcpy(&to, from, std::min<size_t>(claimedSize(from), sizeof(T)));
  to.kind.size = sizeof(T);
  return to;
}

// Fields that a plugin gives; none when they are said to be nowhere.
inline std::span<const weir_field> fieldsOf(const weir_field* fields, size_t count) {
  return {fields, fields == nullptr ? 0 : count};
}

}  // namespace weir::plugin
