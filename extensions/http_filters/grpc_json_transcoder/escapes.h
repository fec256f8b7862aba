#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::extensions::http_filters::grpc_json_transcoder {

// What a percent-decoder leaves as it is, or not.
enum class Unescape : uint8_t {
  kAll,
  kAllButSlash,  // "%2F" stays: a value of several path segments
  kAllAndPlus,   // and "+" is a space: HTML forms
};

// nullopt when an escape is malformed ("%4", "%zz") or what comes out is not UTF-8, which a string
// of a message must be.
std::optional<std::string> unescape(std::string_view text, Unescape mode);

// Standard or URL-safe alphabet, with or without padding; nullopt when malformed.
std::optional<std::string> decodeBase64(std::string_view text);
// Standard alphabet with padding.
std::string encodeBase64(std::string_view bytes);

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
