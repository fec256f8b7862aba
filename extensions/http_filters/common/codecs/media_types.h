#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::extensions::http_filters::common::codecs {

// "text/html" of "Text/HTML; charset=utf-8": type and subtype as they stand, without parameters.
std::string_view mediaType(std::string_view content_type);

// Which media types are meant. A pattern is "type/subtype", "type/*", "*/*" or "*/*+suffix"
// ("*/*+json"). Types of gRPC, whose messages have a compression of their own, are only meant where
// they are written out. Immutable.
class MediaTypes {
 public:
  explicit MediaTypes(std::vector<std::string> patterns);
  bool contain(std::string_view content_type) const;
  static bool isPattern(std::string_view text);

 private:
  std::vector<std::string> patterns_;  // in lower case
};

// Texts, and other formats that are not compressed by themselves.
std::vector<std::string> compressibleTypes();

}  // namespace weir::extensions::http_filters::common::codecs
