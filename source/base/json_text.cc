#include "source/base/json_text.h"

#include <cstddef>

#include "source/base/utf8.h"

namespace weir::base {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// A character that cannot stand in a string as it is.
void appendEscaped(unsigned char c, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
  }
}

}  // namespace

void appendJsonString(std::string_view text, std::string& out) {
  out += '"';
  size_t plain = 0;  // from here on nothing was appended yet
  size_t at = 0;
  while (at < text.size()) {
    const auto c = static_cast<unsigned char>(text[at]);
    const size_t length = c < 0x80 ? 1 : utf8Length(text.substr(at));
    if (length != 0 && c >= 0x20 && c != '"' && c != '\\') {
      at += length;
      continue;
    }
    out += text.substr(plain, at - plain);
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else {
      appendEscaped(c, out);
    }
    plain = ++at;
  }
  out += text.substr(plain);
  out += '"';
}

}  // namespace weir::base
