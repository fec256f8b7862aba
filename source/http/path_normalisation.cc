// normalisePath of semantics.h. The path is taken to pieces once: octets first, segments
// afterwards, so that nothing that was decoded escapes the rules for what it became.
#include "source/http/semantics.h"

namespace weir::http {
namespace {

StreamError badPath(std::string_view detail) {
  return {ErrorOrigin::kDownstream, ErrorReason::kProtocol, false, detail};
}

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool isUnreserved(char c) {
  const char lower = static_cast<char>(c | 0x20);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// Most paths have nothing to change, and are told apart without a copy.
bool isPlain(std::string_view path) {
  for (size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '%' || c == '\\') return false;
    if (c == '/' && i + 1 < path.size() && (path[i + 1] == '/' || path[i + 1] == '.')) return false;
  }
  return true;
}

// Decodes and upper-cases percent-encodings of `path` into `out`; returns the new size.
StreamError decodeOctets(std::string_view path, const PathNormalisation& options, char* out,
                         size_t& size) {
  using Escaped = PathNormalisation::Escaped;
  size = 0;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      out[size++] = path[i];
      continue;
    }
    const int high = i + 1 < path.size() ? hexValue(path[i + 1]) : -1;
    const int low = i + 2 < path.size() ? hexValue(path[i + 2]) : -1;
    if (high < 0 || low < 0) return badPath("malformed escape in path");
    const char octet = static_cast<char>(high * 16 + low);
    if (octet == 0) return badPath("%00 in path");
    const bool slash = octet == '/' || octet == '\\';
    if (slash && options.escaped_slashes == Escaped::kReject) {
      return badPath("escaped slash in path");
    }
    if (isUnreserved(octet) || (slash && options.escaped_slashes == Escaped::kDecode)) {
      out[size++] = octet;
    } else {
      out[size++] = '%';
      out[size++] = "0123456789ABCDEF"[high];
      out[size++] = "0123456789ABCDEF"[low];
    }
    i += 2;
  }
  return {};
}

// RFC 3986 5.2.4 in place, with empty segments merged when asked; false when ".." leaves the root.
bool removeDotSegments(char* path, size_t& size, bool merge_slashes) {
  size_t written = 0;  // path[0, written) is done and ends before the slash at `read`
  size_t read = 0;
  while (read < size) {
    size_t end = read + 1;
    while (end < size && path[end] != '/') ++end;
    const std::string_view segment(path + read + 1, end - read - 1);
    const bool last = end == size;
    if (segment == "..") {
      if (written == 0) return false;
      while (path[--written] != '/') {
      }
    }
    if (segment == "." || segment == ".." || (segment.empty() && merge_slashes)) {
      // As if it were not there; at the end its slash stays.
      if (last) path[written++] = '/';
    } else {
      for (size_t i = read; i < end; ++i) path[written++] = path[i];
    }
    read = end;
  }
  size = written;
  return true;
}

}  // namespace

StreamError normalisePath(RequestHead& head, const PathNormalisation& options) {
  if (!options.enabled || head.path.empty() || head.path.front() != '/') return {};
  const size_t query_at = std::min(head.path.find('?'), head.path.size());
  const std::string_view path(head.path.data(), query_at);
  if (isPlain(path)) return {};

  char* out = static_cast<char*>(head.arena.allocate(head.path.size(), 1));
  size_t size = 0;
  const StreamError error = decodeOctets(path, options, out, size);
  if (error.reason != ErrorReason::kNone) return error;
  if (options.reject_backslash &&
      std::string_view(out, size).find('\\') != std::string_view::npos) {
    return badPath("backslash in path");
  }
  if (!removeDotSegments(out, size, options.merge_slashes)) {
    return badPath("path leaves the root");
  }
  const size_t query_bytes = head.path.copy(out + size, std::string_view::npos, query_at);
  head.path = {out, size + query_bytes};
  return {};
}

}  // namespace weir::http
