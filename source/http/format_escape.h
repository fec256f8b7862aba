#pragma once

#include <string>
#include <string_view>

namespace weir::http {

// Appends `text` so that it cannot end a line or a quoted field: quotes, backslashes, control
// characters and bytes above 0x7e become \xHH.
void appendEscaped(std::string_view text, std::string& out);

// Appends `text` as the inside of a JSON string. Bytes that are not UTF-8 become U+FFFD.
void appendJsonEscaped(std::string_view text, std::string& out);

// Appends `text` with a space for each character that may not stand in a field's value.
void appendFieldValue(std::string_view text, std::string& out);

}  // namespace weir::http
