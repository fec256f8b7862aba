#include "source/router/path_rewriter.h"

#include <algorithm>
#include <array>

#include "source/base/ascii.h"
#include "source/http/semantics.h"

namespace weir::router {
namespace {

using Kind = PathRewrite::Kind;

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// "." and "..", also with escaped dots.
bool isDotSegment(std::string_view segment) {
  size_t dots = 0;
  while (!segment.empty() && dots < 3) {
    if (segment[0] == '.') {
      segment.remove_prefix(1);
    } else if (segment.size() >= 3 && segment[0] == '%' && segment[1] == '2' &&
               (segment[2] | 0x20) == 'e') {
      segment.remove_prefix(3);
    } else {
      return false;
    }
    ++dots;
  }
  return segment.empty() && (dots == 1 || dots == 2);
}

bool escapesAreWellFormed(std::string_view path) {
  for (size_t i = path.find('%'); i != std::string_view::npos; i = path.find('%', i + 1)) {
    if (i + 2 >= path.size()) return false;
    const int high = hexValue(path[i + 1]);
    const int low = hexValue(path[i + 2]);
    if (high < 0 || low < 0 || high + low == 0) return false;
  }
  return true;
}

std::string_view joined(std::array<std::string_view, 3> parts, base::Arena& arena) {
  size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  char* const text = static_cast<char*>(arena.allocate(size, 1));
  char* end = text;
  for (const std::string_view part : parts) end = std::copy(part.begin(), part.end(), end);
  return {text, size};
}

// Empty when a capture is missing. Good until the next call.
std::string_view filled(const PathRewrite& rewrite, std::string_view routed) {
  thread_local std::string path;  // keeps its capacity
  path.clear();
  for (const PathRewrite::Piece& piece : rewrite.pieces) {
    path += piece.text;
    if (piece.capture.empty()) continue;
    const auto captured = rewrite.shape->capture(routed, piece.capture);
    if (!captured) return {};
    path += *captured;
  }
  return path;
}

}  // namespace

bool isUnambiguousPath(std::string_view path) {
  if (!path.starts_with('/') || path.size() > kMaxPathBytes || !http::isTarget(path) ||
      path.find_first_of("?\\") != std::string_view::npos || !escapesAreWellFormed(path)) {
    return false;
  }
  for (size_t begin = 1; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    if (isDotSegment(path.substr(begin, end - begin))) return false;
    begin = end + 1;
  }
  return true;
}

std::string replaced(const RegexRewrite& rewrite, std::string_view text) {
  return rewrite.all ? rewrite.pattern.replaceAll(text, rewrite.substitution)
                     : rewrite.pattern.replaceFirst(text, rewrite.substitution);
}

std::string_view rewriteTarget(const PathRewrite& rewrite, std::string_view target,
                               std::string_view routed, base::Arena& arena) {
  const std::string_view path = target.substr(0, target.find('?'));
  const std::string_view query = target.substr(path.size());
  if (!path.starts_with('/')) return target;
  std::string_view result;
  switch (rewrite.kind) {
    case Kind::kPrefix: {
      const size_t size = rewrite.matched.size();
      if (path.size() < size || !base::equalsIgnoreCase(path.substr(0, size), rewrite.matched)) {
        return target;
      }
      std::string_view rest = path.substr(size);
      if (rewrite.text.ends_with('/') && rest.starts_with('/')) rest.remove_prefix(1);
      result = joined({rewrite.text, rest, query}, arena);
      break;
    }
    case Kind::kPath:
      result = joined({rewrite.text, query, {}}, arena);
      break;
    case Kind::kRegex:
      result = joined({replaced(*rewrite.regex, path), query, {}}, arena);
      break;
    case Kind::kTemplate:
      result = joined({filled(rewrite, routed), query, {}}, arena);
      break;
  }
  const bool valid = isUnambiguousPath(result.substr(0, result.size() - query.size()));
  return valid ? result : std::string_view();
}

}  // namespace weir::router
