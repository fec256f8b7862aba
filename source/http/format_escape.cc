#include "source/http/format_escape.h"

#include <cstdint>

#include "source/base/utf8.h"

namespace weir::http {
namespace {

constexpr char kHex[] = "0123456789abcdef";

}  // namespace

void appendEscaped(std::string_view text, std::string& out) {
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte <= 0x7e && c != '"' && c != '\\') {
      out.push_back(c);
    } else {
      out.append("\\x");
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 0xf]);
    }
  }
}

void appendJsonEscaped(std::string_view text, std::string& out) {
  while (!text.empty()) {
    const size_t length = base::utf8Length(text);
    const auto byte = static_cast<uint8_t>(text[0]);
    if (length == 0) {
      out.append("\\ufffd");
      text.remove_prefix(1);
      continue;
    }
    if (text[0] == '"' || text[0] == '\\') {
      out.push_back('\\');
      out.push_back(text[0]);
    } else if (byte < 0x20 || byte == 0x7f) {
      out.append("\\u00");
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 0xf]);
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
}

void appendFieldValue(std::string_view text, std::string& out) {
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    const bool control = (byte < 0x20 && c != '\t') || byte == 0x7f;
    out.push_back(control ? ' ' : c);
  }
}

}  // namespace weir::http
