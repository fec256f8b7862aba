#include "source/http/semantics.h"

#include "source/base/ascii.h"

namespace weir::http {
namespace {

using base::equalsIgnoreCase;

StreamError refuse(ErrorOrigin origin, std::string_view detail) {
  return {origin, ErrorReason::kProtocol, false, detail};
}
StreamError badRequest(std::string_view detail) {
  return refuse(ErrorOrigin::kDownstream, detail);
}
StreamError badResponse(std::string_view detail) {
  return refuse(ErrorOrigin::kUpstream, detail);
}
bool failed(const StreamError& error) {
  return error.reason != ErrorReason::kNone;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Calls visit(element) for each non-empty element of a comma-separated list until it returns false.
template <class F>
bool forEachElement(std::string_view list, F&& visit) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view element = trim(list.substr(0, comma));
    if (!element.empty() && !visit(element)) return false;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return true;
}

// Reads Content-Length and Transfer-Encoding, alike for both directions (RFC 9112 6.3). Without
// either, kNone.
StreamError readFraming(const HeaderMap& headers, Version version, ErrorOrigin origin,
                        BodyFraming& framing, uint64_t& length) {
  framing = BodyFraming::kNone;
  length = 0;
  const bool has_length = headers.has(HeaderId::kContentLength);
  if (headers.has(HeaderId::kTransferEncoding)) {
    if (has_length) return refuse(origin, "Content-Length with Transfer-Encoding");
    if (version == Version::kHttp10) return refuse(origin, "Transfer-Encoding in HTTP/1.0");
    if (headers.count(HeaderId::kTransferEncoding) != 1 ||
        !equalsIgnoreCase(headers.get(HeaderId::kTransferEncoding), "chunked")) {
      return refuse(origin, "Transfer-Encoding is not a single chunked");
    }
    framing = BodyFraming::kChunked;
    return {};
  }
  if (!has_length) return {};
  if (headers.count(HeaderId::kContentLength) != 1) {
    return refuse(origin, "Content-Length is repeated");
  }
  if (!parseContentLength(headers.get(HeaderId::kContentLength), length)) {
    return refuse(origin, "Content-Length is malformed");
  }
  framing = BodyFraming::kContentLength;
  return {};
}

std::string_view withoutPort(std::string_view authority, std::string_view port) {
  if (authority.size() > port.size() && authority.ends_with(port)) {
    authority.remove_suffix(port.size());
  }
  return authority;
}

// Checks Host and sets the authority from it.
StreamError readHost(RequestHead& head) {
  const size_t hosts = head.headers.count(HeaderId::kHost);
  if (hosts > 1) return badRequest("Host is repeated");
  if (hosts == 0) {
    head.authority = {};
    return head.version == Version::kHttp10 ? StreamError{} : badRequest("Host is missing");
  }
  head.authority = head.headers.get(HeaderId::kHost);
  return isAuthority(head.authority) ? StreamError{} : badRequest("Host is malformed");
}

// The target's authority must be that of Host, but for case and the scheme's own port.
StreamError agreeWithHost(RequestHead& head, std::string_view authority, std::string_view port) {
  if (!isAuthority(authority)) return badRequest("target's authority is malformed");
  if (head.headers.has(HeaderId::kHost) &&
      !equalsIgnoreCase(withoutPort(authority, port), withoutPort(head.authority, port))) {
    return badRequest("target disagrees with Host");
  }
  head.authority = authority;
  return {};
}

StreamError readAbsoluteForm(RequestHead& head, std::string_view target) {
  const bool secure = base::startsWithIgnoreCase(target, "https://");
  if (!secure && !base::startsWithIgnoreCase(target, "http://")) {
    return badRequest("target is of no known form");
  }
  target.remove_prefix(secure ? 8 : 7);
  const size_t end = std::min(target.find_first_of("/?"), target.size());
  const StreamError error = agreeWithHost(head, target.substr(0, end), secure ? ":443" : ":80");
  if (failed(error)) return error;
  head.path = target.substr(end);
  if (head.path.empty()) {
    head.path = head.method == "OPTIONS" ? "*" : "/";  // RFC 9112 3.2.4
  } else if (head.path.front() == '?') {
    char* copy = static_cast<char*>(head.arena.allocate(head.path.size() + 1, 1));
    copy[0] = '/';
    head.path.copy(copy + 1, head.path.size());
    head.path = {copy, head.path.size() + 1};
  }
  return {};
}

StreamError readConnect(RequestHead& head, std::string_view target, bool allow_connect) {
  if (!allow_connect) return badRequest("CONNECT is not enabled");
  if (head.framing != BodyFraming::kNone) return badRequest("CONNECT with a body");
  if (target.rfind(':') == std::string_view::npos || target.ends_with(']')) {
    return badRequest("CONNECT without a port");
  }
  const StreamError error = agreeWithHost(head, target, ":80");
  if (failed(error)) return error;
  head.path = {};
  head.framing = BodyFraming::kTunnel;
  return {};
}

StreamError readTarget(RequestHead& head, std::string_view target, bool allow_connect) {
  if (!isTarget(target)) return badRequest("illegal character in target");
  if (head.isConnect()) return readConnect(head, target, allow_connect);
  if (target.front() != '/') {
    if (target == "*" && head.method == "OPTIONS") {
      head.path = target;
      return {};
    }
    return readAbsoluteForm(head, target);
  }
  head.path = target;
  return {};
}

void readUpgrade(RequestHead& head) {
  head.upgrade = {};
  if (!head.headers.has(HeaderId::kUpgrade) || head.version != Version::kHttp11) return;
  if (head.framing == BodyFraming::kChunked || head.content_length != 0) return;
  if (head.isConnect() || head.headers.count(HeaderId::kUpgrade) != 1) return;
  if (!hasListToken(head.headers, HeaderId::kConnection, "upgrade")) return;
  head.upgrade = head.headers.get(HeaderId::kUpgrade);
}

// Connection-level fields: what removeHopByHop takes away by itself, and Connection may name.
bool isHopByHop(HeaderId id) {
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTe:
    case HeaderId::kTrailer:
    case HeaderId::kUpgrade:
      return true;
    default:
      return false;
  }
}

// Every field that the proxy knows by name means something end to end; the last few do to others.
bool mayBeNamedByConnection(std::string_view name) {
  const HeaderId id = headerId(name);
  if (id != HeaderId::kOther) return isHopByHop(id);
  return !equalsIgnoreCase(name, "forwarded") && !equalsIgnoreCase(name, "x-real-ip") &&
         !equalsIgnoreCase(name, "proxy-authorization") && !equalsIgnoreCase(name, "origin");
}

// "close", "keep-alive" and "upgrade" are options that name no end-to-end field (the latter two
// hop-by-hop ones).
StreamError removeNamed(HeaderMap& headers, std::string_view connection) {
  StreamError error;
  forEachElement(connection, [&](std::string_view name) {
    if (equalsIgnoreCase(name, "close") || equalsIgnoreCase(name, "keep-alive")) return true;
    if (!isToken(name)) {
      error = badRequest("Connection is malformed");
    } else if (!mayBeNamedByConnection(name)) {
      error = badRequest("Connection names a field that is not hop-by-hop");
    } else if (headerId(name) == HeaderId::kOther) {
      headers.remove(name);
    }
    return !failed(error);
  });
  return error;
}

bool forbiddenInTrailers(HeaderId id) {
  switch (id) {
    case HeaderId::kOther:
    case HeaderId::kDate:
    case HeaderId::kETag:
    case HeaderId::kLastModified:
    case HeaderId::kServer:
    case HeaderId::kXRequestId:
      return false;
    default:
      return true;
  }
}

}  // namespace

bool hasListToken(const HeaderMap& headers, HeaderId id, std::string_view token) {
  if (!headers.has(id)) return false;
  bool found = false;
  headers.forEach(id, [&](const HeaderMap::Field& field) {
    if (found) return;
    forEachElement(field.value, [&](std::string_view element) {
      found = equalsIgnoreCase(element, token);
      return !found;
    });
  });
  return found;
}

bool wantsKeepAlive(Version version, const HeaderMap& headers) {
  if (hasListToken(headers, HeaderId::kConnection, "close")) return false;
  return version != Version::kHttp10 || hasListToken(headers, HeaderId::kConnection, "keep-alive");
}

StreamError validateRequest(RequestHead& head, std::string_view raw_target, bool allow_connect) {
  if (!isMethod(head.method)) return badRequest("illegal character in method");
  StreamError error = readFraming(head.headers, head.version, ErrorOrigin::kDownstream,
                                  head.framing, head.content_length);
  if (!failed(error)) error = readHost(head);
  if (!failed(error)) error = readTarget(head, raw_target, allow_connect);
  if (failed(error)) return error;
  head.expects_continue = head.version == Version::kHttp11 && head.headers.has(HeaderId::kExpect) &&
                          equalsIgnoreCase(head.headers.get(HeaderId::kExpect), "100-continue");
  readUpgrade(head);
  return {};
}

StreamError validateResponse(ResponseHead& head, bool to_head, bool to_connect) {
  if (to_connect && head.status >= 200 && head.status < 300) {  // RFC 9110 9.3.6: fields ignored
    head.framing = BodyFraming::kTunnel;
    head.content_length = 0;
    return {};
  }
  const StreamError error = readFraming(head.headers, head.version, ErrorOrigin::kUpstream,
                                        head.framing, head.content_length);
  if (failed(error)) return error;
  if (head.status < 200 || head.status == 204) {
    if (head.framing == BodyFraming::kChunked || head.content_length != 0) {
      return badResponse("1xx or 204 announces a body");
    }
    head.framing = head.status == 101 ? BodyFraming::kTunnel : BodyFraming::kNone;
    return {};
  }
  if (head.framing == BodyFraming::kNone && !to_head && head.status != 304) {
    head.framing = BodyFraming::kUntilClose;
  }
  return {};
}

StreamError validateTrailers(const HeaderMap& trailers) {
  bool allowed = true;
  trailers.forEach([&](const HeaderMap::Field& field) {
    if (forbiddenInTrailers(field.id)) allowed = false;
    if (field.id == HeaderId::kOther && !mayBeNamedByConnection(field.name)) allowed = false;
  });
  return allowed ? StreamError{} : badRequest("field is not allowed in trailers");
}

StreamError removeHopByHop(HeaderMap& headers, bool keep_upgrade) {
  if (headers.has(HeaderId::kConnection)) {
    StreamError error;
    headers.forEach(HeaderId::kConnection, [&](const HeaderMap::Field& field) {
      if (!failed(error)) error = removeNamed(headers, field.value);
    });
    if (failed(error)) return error;
    headers.remove(HeaderId::kConnection);
  }
  headers.remove(HeaderId::kKeepAlive);
  headers.remove(HeaderId::kProxyConnection);
  headers.remove(HeaderId::kTransferEncoding);
  if (headers.has(HeaderId::kTe)) {
    const bool trailers = hasListToken(headers, HeaderId::kTe, "trailers");
    headers.remove(HeaderId::kTe);
    if (trailers) headers.addView(HeaderId::kTe, headerName(HeaderId::kTe), "trailers");
  }
  if (keep_upgrade && headers.has(HeaderId::kUpgrade)) {
    headers.addView(HeaderId::kConnection, headerName(HeaderId::kConnection), "Upgrade");
  } else {
    headers.remove(HeaderId::kUpgrade);
  }
  return {};
}

}  // namespace weir::http
