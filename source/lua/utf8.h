#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::lua {

// Length of the character that `text` (not empty) begins with; 0 when it is no UTF-8 (RFC 3629).
size_t utf8Length(std::string_view text);
// `code` is at most 0x10ffff.
void appendUtf8(std::string& out, uint32_t code);

}  // namespace weir::lua
