#pragma once

#include <string>
#include <string_view>

namespace weir::base {

// Appends `text` as a JSON string (RFC 8259) with its quotes. What is not UTF-8 becomes U+FFFD,
// byte by byte: the result is JSON whatever the text is.
void appendJsonString(std::string_view text, std::string& out);

}  // namespace weir::base
