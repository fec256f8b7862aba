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

bool isSpace(char c) {
  return c == ' ' || c == '\t';
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

void readExpect(RequestHead& head) {
  head.expects_continue = head.version != Version::kHttp10 && head.headers.has(HeaderId::kExpect) &&
                          equalsIgnoreCase(head.headers.get(HeaderId::kExpect), "100-continue");
}

void readUpgrade(RequestHead& head) {
  head.upgrade = {};
  if (!head.headers.has(HeaderId::kUpgrade) || head.version != Version::kHttp11) return;
  if (head.framing == BodyFraming::kChunked || head.content_length != 0) return;
  if (head.isConnect() || head.headers.count(HeaderId::kUpgrade) != 1) return;
  if (!hasListToken(head.headers, HeaderId::kConnection, "upgrade")) return;
  head.upgrade = head.headers.get(HeaderId::kUpgrade);
}

// ---- HTTP/2 ---------------------------------------------------------------------------------

// Sets the authority from Host when :authority has not come; else they must agree. Host then says
// what the authority says.
StreamError readHttp2Authority(RequestHead& head, std::string_view port) {
  HeaderMap& headers = head.headers;
  const bool has_host = headers.has(HeaderId::kHost);
  if (has_host && headers.count(HeaderId::kHost) != 1) return badRequest("Host is repeated");
  if (!has_host && head.authority.empty()) return badRequest(":authority is missing");
  const std::string_view authority = head.authority;
  if (has_host) {
    head.authority = headers.get(HeaderId::kHost);
    if (!isAuthority(head.authority)) return badRequest("Host is malformed");
  }
  if (!authority.empty()) {
    const StreamError error = agreeWithHost(head, authority, port);
    if (failed(error)) return error;
  }
  if (!has_host || head.authority.data() != headers.get(HeaderId::kHost).data()) {
    headers.setView(HeaderId::kHost, head.authority);
  }
  return {};
}

StreamError readHttp2Connect(RequestHead& head, bool allow_connect) {
  if (!head.scheme.empty() || !head.path.empty())
    return badRequest("CONNECT with :scheme or :path");
  if (head.authority.empty()) return badRequest(":authority is missing");
  const StreamError error = readHttp2Authority(head, ":80");
  return failed(error) ? error : readConnect(head, head.authority, allow_connect);
}

// :scheme, :path and :authority of anything but CONNECT.
StreamError readHttp2Target(RequestHead& head) {
  const bool secure = equalsIgnoreCase(head.scheme, "https");
  if (!secure && !equalsIgnoreCase(head.scheme, "http")) {
    return badRequest(":scheme is missing or unknown");
  }
  head.scheme = secure ? "https" : "http";
  if (!isTarget(head.path)) return badRequest(":path is missing or has an illegal character");
  if (head.path.front() != '/' && (head.path != "*" || head.method != "OPTIONS")) {
    return badRequest(":path is of no known form");
  }
  return readHttp2Authority(head, secure ? ":443" : ":80");
}

}  // namespace

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
  readExpect(head);
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

StreamError validateHttp2Field(HeaderId id, std::string_view name, std::string_view value,
                               ErrorOrigin origin) {
  if (!isLowerCaseToken(name)) return refuse(origin, "illegal character in field name");
  if (!isFieldValue(value)) return refuse(origin, "illegal character in field value");
  if (!value.empty() && (isSpace(value.front()) || isSpace(value.back()))) {
    return refuse(origin, "space around a field value");
  }
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return refuse(origin, "field of an HTTP/1 connection");
    case HeaderId::kTe:
      if (origin == ErrorOrigin::kDownstream && equalsIgnoreCase(value, "trailers")) return {};
      return refuse(origin, "TE is not trailers");
    default:
      return {};
  }
}

StreamError validateHttp2Request(RequestHead& head, bool end_stream, bool allow_connect) {
  if (!isMethod(head.method)) return badRequest(":method is missing or malformed");
  StreamError error = readFraming(head.headers, head.version, ErrorOrigin::kDownstream,
                                  head.framing, head.content_length);
  if (failed(error)) return error;
  readExpect(head);
  if (head.isConnect() && head.upgrade.empty()) return readHttp2Connect(head, allow_connect);
  if (!head.upgrade.empty()) {  // RFC 8441 4
    if (!head.isConnect()) return badRequest(":protocol without CONNECT");
    if (!isToken(head.upgrade)) return badRequest(":protocol is malformed");
    if (head.framing != BodyFraming::kNone) return badRequest("CONNECT with a body");
    return readHttp2Target(head);
  }
  if (error = readHttp2Target(head); failed(error)) return error;
  if (end_stream && head.content_length != 0) return badRequest("body is missing");
  if (!end_stream && head.framing == BodyFraming::kNone) head.framing = BodyFraming::kChunked;
  return {};
}

StreamError validateHttp2Response(ResponseHead& head, bool end_stream, bool to_head,
                                  bool to_connect) {
  if (head.status == 101) return badResponse("101 in HTTP/2");
  if (head.status < 200 && end_stream) return badResponse("1xx that ends the stream");
  const StreamError error = validateResponse(head, to_head, to_connect);
  if (failed(error) || head.framing == BodyFraming::kTunnel) return error;
  const bool bodyless = to_head || statusHasNoBody(head.status);
  if (end_stream && !bodyless && head.content_length != 0) return badResponse("body is missing");
  if (head.framing == BodyFraming::kUntilClose) {
    head.framing = end_stream ? BodyFraming::kNone : BodyFraming::kChunked;
  }
  return {};
}

}  // namespace weir::http
