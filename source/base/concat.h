#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace weir::base {

// Debian builds Abseil with a string_view of its own, which absl::StrCat takes and the standard one
// does not turn into. These two are the bridge: concat() joins text and numbers of any kind, view()
// reads what Abseil returns (absl::Status::message()).

inline std::string_view view(absl::string_view text) {
  return {text.data(), text.size()};
}

namespace internal {
inline void appendPart(std::string& out, std::string_view part) {
  out.append(part);
}
inline void appendPart(std::string& out, absl::string_view part) {
  out.append(view(part));
}
inline void appendPart(std::string& out, const std::string& part) {
  out.append(part);
}
inline void appendPart(std::string& out, const char* part) {
  out.append(part);
}
inline void appendPart(std::string& out, char part) {
  out.push_back(part);
}
inline void appendPart(std::string& out, bool part) {
  out.append(part ? "true" : "false");
}
template <class T>
requires std::integral<T> || std::floating_point<T>
void appendPart(std::string& out, T number) {
  char digits[64];
  const auto result = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, result.ptr);
}
}  // namespace internal

// The parts one after the other: strings, characters, numbers.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::string out;
  (internal::appendPart(out, parts), ...);
  return out;
}

}  // namespace weir::base
