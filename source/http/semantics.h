#pragma once

#include <cstdint>
#include <string_view>

#include "source/http/message.h"
#include "source/http/stream_error.h"

namespace weir::http {

// HTTP semantics that do not depend on the wire version (RFC 9110, and RFC 9112 section 6 for
// framing): the one module that decides what is refused. Functions return an error with reason
// kNone when all is well.

bool isToken(std::string_view text);           // RFC 9110 5.6.2
bool isLowerCaseToken(std::string_view text);  // a field name in HTTP/2 (RFC 9113 8.2.1)
bool isFieldValue(std::string_view text);      // 5.5: no CR, LF, NUL, other controls but HTAB
bool isMethod(std::string_view text);
bool isTarget(std::string_view text);  // not empty; visible ASCII only, no '#' (RFC 9112 3.2)
// host[:port]: a name of letters, digits and "-._~", an IPv4 address or a valid IPv6 literal; no
// userinfo, no percent-encoding, no sub-delims (RFC 3986 would have them; no host on the wire
// does).
bool isAuthority(std::string_view text);
// Digits only: no sign, no list; at most 2^63 - 1 (RFC 9110 8.6).
bool parseContentLength(std::string_view text, uint64_t& out);

// Three digits, from 100 on.
bool parseStatus(std::string_view text, uint16_t& out);

// True when the comma-separated list in all `id` fields has `token`, whatever its case.
bool hasListToken(const HeaderMap& headers, HeaderId id, std::string_view token);
// What version and Connection say of keeping the connection after this message (RFC 9112 9.3).
bool wantsKeepAlive(Version version, const HeaderMap& headers);

// Checks the fields of a received request and fills authority, path, framing, content_length,
// expects_continue and upgrade; `raw_target` is what stood in the request line. Refuses what
// smuggling is made of: Content-Length that is malformed, repeated or a list, or together with
// Transfer-Encoding; Transfer-Encoding other than a single "chunked", or in HTTP/1.0; Host missing
// (HTTP/1.1), repeated, malformed, or in disagreement with the target. An Upgrade counts only on a
// request without body (RFC 9110 7.8 lets a server ignore it).
StreamError validateRequest(RequestHead& head, std::string_view raw_target, bool allow_connect);
// The same care for what an origin sends. Fills framing and content_length. `to_head`: answers
// HEAD, framing is then what GET would have had, as for 304; `to_connect`: CONNECT, where 2xx
// begins a tunnel, as 101 does.
StreamError validateResponse(ResponseHead& head, bool to_head, bool to_connect);

// The same for HTTP/2 (RFC 9113 8.2, 8.3). A field that is not a pseudo-field, of a request
// (kDownstream) or response (kUpstream): name in lower case, no space around the value, nothing
// that belongs to an HTTP/1 connection, TE only "trailers" and in requests.
StreamError validateHttp2Field(HeaderId id, std::string_view name, std::string_view value,
                               ErrorOrigin origin);
// `head` has what the pseudo-fields said: method, scheme, authority, path and, in upgrade,
// :protocol (which only comes where extended CONNECT was announced); empty when they did not come.
// Fills the rest as validateRequest does, and adds or corrects Host. Without end_stream or
// Content-Length the framing is kChunked. An extended CONNECT keeps its method here (RFC 8441 4).
StreamError validateHttp2Request(RequestHead& head, bool end_stream, bool allow_connect);
// `to_connect`: also an extended one. 1xx is never the end of the stream and never 101.
StreamError validateHttp2Response(ResponseHead& head, bool end_stream, bool to_head,
                                  bool to_connect);

// Field names that must not be in trailers (framing, routing, authentication) are refused.
StreamError validateTrailers(const HeaderMap& trailers);

// Removes hop-by-hop fields (RFC 9110 7.6.1) and those that Connection names. It is an error when
// Connection names a field that the proxy itself acts on or that routes, frames or authenticates.
// Keeps "TE: trailers". With `keep_upgrade`, Upgrade and "Connection: Upgrade" stay.
StreamError removeHopByHop(HeaderMap& headers, bool keep_upgrade);

// True when the status has no body by definition (1xx, 204, 304).
bool statusHasNoBody(uint16_t status);
bool methodIsIdempotent(std::string_view method);

// What to do with a path before it is routed (RFC 3986 6.2.2). What is routed is what is forwarded.
struct PathNormalisation {
  enum class Escaped : uint8_t { kKeep, kDecode, kReject };  // %2F, %5C
  bool enabled = true;  // dot segments removed, unreserved octets decoded, hex upper-cased
  bool merge_slashes = true;
  Escaped escaped_slashes = Escaped::kReject;
  bool reject_backslash = true;  // else it is taken as it is
  // %00, malformed escapes and dot segments that leave the root are refused always when enabled.
};
// Rewrites head.path up to the query, which is left as it is. 400 when the setting refuses it.
// Idempotent. "*" and the empty path of CONNECT are left alone.
StreamError normalisePath(RequestHead& head, const PathNormalisation& options);

}  // namespace weir::http
