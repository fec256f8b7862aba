#include "extensions/http_filters/common/codecs/media_types.h"

#include <algorithm>
#include <utility>

#include "source/base/ascii.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::common::codecs {
namespace {

bool matches(std::string_view pattern, std::string_view type) {
  if (pattern == "*/*") return true;
  if (pattern.starts_with("*/*")) return base::endsWithIgnoreCase(type, pattern.substr(3));
  if (pattern.ends_with("/*")) {
    return base::startsWithIgnoreCase(type, pattern.substr(0, pattern.size() - 1));
  }
  return base::equalsIgnoreCase(pattern, type);
}

bool isGrpcType(std::string_view type) {
  return base::startsWithIgnoreCase(type, "application/grpc");
}

}  // namespace

std::string_view mediaType(std::string_view content_type) {
  return base::trimOws(content_type.substr(0, content_type.find(';')));
}

MediaTypes::MediaTypes(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {
  for (std::string& pattern : patterns_) pattern = base::lowered(pattern);
}

bool MediaTypes::contain(std::string_view content_type) const {
  const std::string_view type = mediaType(content_type);
  if (type.empty()) return false;
  if (isGrpcType(type)) {
    return std::any_of(patterns_.begin(), patterns_.end(), [&](const std::string& pattern) {
      return base::equalsIgnoreCase(pattern, type);
    });
  }
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const std::string& pattern) { return matches(pattern, type); });
}

bool MediaTypes::isPattern(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view type = text.substr(0, slash);
  const std::string_view subtype = text.substr(slash + 1);
  if (type == "*") {
    return subtype == "*" || (subtype.starts_with("*+") && http::isToken(subtype.substr(2)));
  }
  const bool plain = http::isToken(subtype) && subtype.find('*') == std::string_view::npos;
  return http::isToken(type) && type.find('*') == std::string_view::npos &&
         (subtype == "*" || plain);
}

std::vector<std::string> compressibleTypes() {
  return {"text/*",
          "*/*+json",
          "*/*+xml",
          "*/*+text",
          "application/json",
          "application/xml",
          "application/javascript",
          "application/x-javascript",
          "application/ecmascript",
          "application/manifest+json",
          "application/x-ndjson",
          "application/wasm",
          "application/yaml",
          "application/rtf",
          "application/graphql",
          "application/x-www-form-urlencoded",
          "application/vnd.ms-fontobject",
          "application/x-font-ttf",
          "font/ttf",
          "font/otf",
          "image/bmp",
          "image/svg+xml",
          "image/x-icon",
          "image/vnd.microsoft.icon"};
}

}  // namespace weir::extensions::http_filters::common::codecs
