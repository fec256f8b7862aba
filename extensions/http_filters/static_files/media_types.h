#pragma once

#include <string>
#include <string_view>

#include "source/base/string_map.h"

namespace weir::extensions::http_filters::static_files {

// Media types of files by the extension of their names. Immutable once filled.
class MediaTypeTable {
 public:
  // `extension`: in lower case, without dot.
  void set(std::string_view extension, std::string_view type);
  void setDefault(std::string_view type) { default_ = type; }
  // Of the file with this path.
  std::string_view of(std::string_view path) const;

 private:
  base::StringMap<std::string> own_;
  std::string default_ = "application/octet-stream";
};

}  // namespace weir::extensions::http_filters::static_files
