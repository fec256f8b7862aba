#pragma once

#include <cstdint>
#include <string_view>

#include "source/http/message.h"
#include "source/http/stream_error.h"

namespace weir::http {

// HTTP semantics that do not depend on the wire version (RFC 9110, and RFC 9112 section 6 for
// framing): the one module that decides what is refused. Functions return an error with reason
// kNone when all is well.

bool isToken(std::string_view text);       // RFC 9110 5.6.2
bool isFieldValue(std::string_view text);  // 5.5: no CR, LF, NUL, other controls but HTAB
bool isMethod(std::string_view text);
bool isTarget(
    std::string_view text);  // visible ASCII and obs-text refused; no space, controls, '#'
bool isAuthority(std::string_view text);  // host[:port], no userinfo, valid IPv6 literal
// Digits only, no sign, no list, no overflow.
bool parseContentLength(std::string_view text, uint64_t& out);

// Checks the fields of a received request and fills authority, path, framing, content_length,
// expects_continue and upgrade. `raw_target` is what stood in the request line. Refuses what the
// issue of smuggling is made of: Content-Length that is malformed, repeated with another value or a
// list; together with Transfer-Encoding; Transfer-Encoding other than a single final "chunked", or
// in HTTP/1.0; Host missing, repeated, malformed, or in disagreement with absolute-form.
StreamError validateRequest(RequestHead& head, std::string_view raw_target, bool allow_connect);
// The same care for what an origin sends. Fills framing and content_length; `to_head`: answers
// HEAD; `to_connect`: CONNECT.
StreamError validateResponse(ResponseHead& head, bool to_head, bool to_connect);
// Field names that must not be in trailers (framing, routing, authentication) are refused.
StreamError validateTrailers(const HeaderMap& trailers);

// Removes hop-by-hop fields (RFC 9110 7.6.1) and those that Connection names; Connection naming
// Host, Content-Length, Transfer-Encoding or a pseudo or routing-relevant field is an error. Keeps
// "TE: trailers". With `keep_upgrade`, Connection: Upgrade and Upgrade stay.
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
// Rewrites head.path. 400 when the setting refuses it.
StreamError normalisePath(RequestHead& head, const PathNormalisation& options);

}  // namespace weir::http
