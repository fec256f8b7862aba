#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::extensions::http_filters::static_files {

// The path from the root that the target's `rest` (behind the prefix, without query) asks for, with
// its percent-encoding taken off; "" or one that ends with "/" is a folder. Nothing when no file
// can be meant: malformed escapes, NUL, "." and ".." and empty segments, names over 255 bytes, or,
// unless `hidden`, a name that begins with a dot.
std::optional<std::string> filePath(std::string_view rest, bool hidden);

}  // namespace weir::extensions::http_filters::static_files
