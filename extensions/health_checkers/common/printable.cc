#include "extensions/health_checkers/common/printable.h"

namespace weir::extensions::health_checkers {
namespace {

void appendByte(std::string& out, char byte) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (byte) {
    case '\r':
      out += "\\r";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\t':
      out += "\\t";
      return;
    case '"':
    case '\\':
      out += '\\';
      out += byte;
      return;
    default:
      break;
  }
  if (byte >= ' ' && byte <= '~') {
    out += byte;
    return;
  }
  const auto value = static_cast<unsigned char>(byte);
  out += "\\x";
  out += kHex[value >> 4];
  out += kHex[value & 15];
}

}  // namespace

std::string printable(std::string_view bytes, size_t most) {
  std::string out;
  for (const char byte : bytes.substr(0, most)) appendByte(out, byte);
  if (bytes.size() > most) out += "...";
  return out;
}

}  // namespace weir::extensions::health_checkers
