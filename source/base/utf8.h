#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
namespace weir::base {

bool isUtf8(std::string_view text);

// Bytes of the character that `text` (not empty) begins with; 0: none that is UTF-8.
size_t utf8Length(std::string_view text);

// `code` is at most 0x10ffff.
void appendUtf8(uint32_t code, std::string& out);

}  // namespace weir::base
