#include "source/http/http1/start_line.h"

#include "source/http/semantics.h"

namespace weir::http::http1 {
namespace {

constexpr size_t kVersionBytes = 8;  // "HTTP/1.1"

bool readVersion(std::string_view text, Version& version) {
  if (text == "HTTP/1.1") {
    version = Version::kHttp11;
  } else if (text == "HTTP/1.0") {
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
  if (line[version_at - 1] != ' ' || !readVersion(line.substr(version_at), head.version)) {
    return refuse(ErrorOrigin::kDownstream, "unknown protocol version");
  }
  if (head.version == Version::kHttp10 && !allow_http10) {
    return refuse(ErrorOrigin::kDownstream, "HTTP/1.0 is not enabled");
  }
  head.method = line.substr(0, space);
  target = line.substr(space + 1, version_at - 1 - (space + 1));
  return {};
}

StreamError parseStatusLine(std::string_view line, ResponseHead& head) {
  constexpr size_t kStatusAt = kVersionBytes + 1;
  if (line.size() < kStatusAt + 3 || line[kVersionBytes] != ' ' ||
      !readVersion(line.substr(0, kVersionBytes), head.version)) {
    return refuse(ErrorOrigin::kUpstream, "malformed status line");
  }
  unsigned status = 0;
  for (const char c : line.substr(kStatusAt, 3)) {
    if (c < '0' || c > '9') return refuse(ErrorOrigin::kUpstream, "malformed status");
    status = status * 10 + static_cast<unsigned>(c - '0');
  }
  if (status < 100) return refuse(ErrorOrigin::kUpstream, "malformed status");
  const std::string_view rest = line.substr(kStatusAt + 3);
  if (!rest.empty() && rest.front() != ' ') {
    return refuse(ErrorOrigin::kUpstream, "malformed status line");
  }
  head.status = static_cast<uint16_t>(status);
  head.reason = rest.empty() ? rest : rest.substr(1);
  if (!isFieldValue(head.reason)) {
    return refuse(ErrorOrigin::kUpstream, "illegal character in reason phrase");
  }
  return {};
}

}  // namespace weir::http::http1
