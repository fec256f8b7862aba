#include "extensions/http_filters/static_files/file_path.h"

#include <cstddef>

namespace weir::extensions::http_filters::static_files {
namespace {

constexpr size_t kLongestName = 255;
constexpr size_t kLongestPath = 4000;

int hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// An escaped slash is none that separates, and no name has one.
bool decode(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return false;
      const int high = hexDigit(text[i + 1]);
      const int low = hexDigit(text[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      if (c == '/') return false;
      i += 2;
    }
    if (c == '\0') return false;
    out += c;
  }
  return true;
}

bool isName(std::string_view name, bool hidden) {
  if (name.empty() || name.size() > kLongestName || name == "." || name == "..") return false;
  return hidden || name.front() != '.';
}

}  // namespace

std::optional<std::string> filePath(std::string_view rest, bool hidden) {
  if (rest.size() > kLongestPath) return std::nullopt;
  std::string path;
  if (!decode(rest, path)) return std::nullopt;
  for (std::string_view left = path; !left.empty();) {
    const size_t slash = left.find('/');
    if (!isName(left.substr(0, slash), hidden)) return std::nullopt;
    if (slash == std::string_view::npos) break;
    left.remove_prefix(slash + 1);
  }
  return path;
}

}  // namespace weir::extensions::http_filters::static_files
