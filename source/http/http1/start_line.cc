#include "source/http/http1/start_line.h"

#include "source/base/ascii.h"
#include "source/http/semantics.h"

namespace weir::http::http1 {
namespace {

constexpr size_t kVersionBytes = 8;  // "HTTP/1.1"

// Of the kVersionBytes at `at`.
bool readVersion(const char* at, Version& version) {
  const std::string_view text(at, kVersionBytes);
  if (base::isExactly(text, "HTTP/1.1")) {
    version = Version::kHttp11;
  } else if (base::isExactly(text, "HTTP/1.0")) {
    version = Version::kHttp10;
  } else {
    return false;
  }
  return true;
}

StreamError refuse(ErrorOrigin origin, std::string_view detail) {
  return {origin, ErrorReason::kProtocol, false, detail};
}

}  // namespace

StreamError parseRequestLine(std::string_view line, bool allow_http10, RequestHead& head,
                             std::string_view& target) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || line.size() < space + 2 + 1 + kVersionBytes) {
    return refuse(ErrorOrigin::kDownstream, "malformed request line");
  }
  const size_t version_at = line.size() - kVersionBytes;
  if (line[version_at - 1] != ' ' || !readVersion(line.data() + version_at, head.version)) {
    return refuse(ErrorOrigin::kDownstream, "unknown protocol version");
  }
  if (head.version == Version::kHttp10 && !allow_http10) {
    return refuse(ErrorOrigin::kDownstream, "HTTP/1.0 is not enabled");
  }
  head.method = {line.data(), space};
  target = {line.data() + space + 1, version_at - 1 - (space + 1)};
  return {};
}

StreamError parseStatusLine(std::string_view line, ResponseHead& head) {
  constexpr size_t kStatusAt = kVersionBytes + 1;
  if (line.size() < kStatusAt + 3 || line[kVersionBytes] != ' ' ||
      !readVersion(line.data(), head.version)) {
    return refuse(ErrorOrigin::kUpstream, "malformed status line");
  }
  unsigned status = 0;
  for (size_t i = kStatusAt; i < kStatusAt + 3; ++i) {
    const char c = line[i];
    if (c < '0' || c > '9') return refuse(ErrorOrigin::kUpstream, "malformed status");
    status = status * 10 + static_cast<unsigned>(c - '0');
  }
  if (status < 100) return refuse(ErrorOrigin::kUpstream, "malformed status");
  line.remove_prefix(kStatusAt + 3);
  if (!line.empty()) {
    if (line.front() != ' ') return refuse(ErrorOrigin::kUpstream, "malformed status line");
    line.remove_prefix(1);
  }
  head.status = static_cast<uint16_t>(status);
  head.reason = line;
  if (!isFieldValue(head.reason)) {
    return refuse(ErrorOrigin::kUpstream, "illegal character in reason phrase");
  }
  return {};
}

}  // namespace weir::http::http1
