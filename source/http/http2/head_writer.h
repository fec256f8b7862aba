#pragma once

#include <nghttp2/nghttp2.h>

#include <span>
#include <vector>

#include "source/base/arena.h"
#include "source/http/message.h"

namespace weir::http::http2 {

// Makes field lists of messages, as nghttp2 takes them: pseudo-fields first, names in lower case,
// without what belongs to an HTTP/1 connection (Connection and what it names was taken off before;
// Host, Keep-Alive, Proxy-Connection, Transfer-Encoding, Upgrade, TE but "trailers").
// Authorization, Cookie under 20 bytes and the like are marked never to be indexed (RFC
// 7541 7.1.3). A list is good until the next call; it refers to the message. Worker-confined;
// allocates nothing in the steady state.
class HeadWriter {
 public:
  // `extended_connect`: an upgrade goes as :method CONNECT and :protocol, without the fields of the
  // HTTP/1 handshake. Content-Length follows head.framing, not head.headers.
  std::span<const nghttp2_nv> request(const RequestHead& head, bool end_stream);
  // 101 goes as 200, for an extended CONNECT, without the fields of the HTTP/1 handshake.
  std::span<const nghttp2_nv> response(const ResponseHead& head, bool end_stream);
  std::span<const nghttp2_nv> trailers(const HeaderMap& trailers);

 private:
  std::vector<nghttp2_nv> fields_;
  base::Arena arena_;  // lower-cased names, numbers
};

}  // namespace weir::http::http2
