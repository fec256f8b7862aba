#pragma once

#include <nghttp2/nghttp2.h>

#include <span>
#include <string_view>
#include <vector>

#include "source/base/arena.h"
#include "source/http/message.h"

namespace weir::http::http2 {

// Makes field lists of messages, as nghttp2 takes them: pseudo-fields first, names in lower case,
// without what belongs to an HTTP/1 connection (Connection and what it names was taken off before;
// Host, Keep-Alive, Proxy-Connection, Transfer-Encoding, Upgrade, TE but "trailers").
// Authorization, Cookie under 20 bytes and the like are marked never to be indexed (RFC
// 7541 7.1.3), and so is what is another one in each message. A list is good until the next call;
// it refers to the message. Only names that are static are marked as such for nghttp2, which copies
// the rest. Worker-confined; allocates nothing in the steady state.
class HeadWriter {
 public:
  // Whether an extended CONNECT can say what `head` asks with its upgrade: that needs GET, and a
  // protocol that is one token. Ask before request(); true when there is no upgrade.
  static bool canCarry(const RequestHead& head);

  // An upgrade goes as :method CONNECT and :protocol, without the fields of the HTTP/1 handshake.
  // Content-Length follows head.framing, not head.headers; announced, but with `end_stream`: 0.
  std::span<const nghttp2_nv> request(const RequestHead& head, bool end_stream);
  // 101 goes as 200, for an extended CONNECT, without the fields of the HTTP/1 handshake.
  // `to_head`: answers HEAD, where Content-Length tells of a body that does not come, as with 304.
  std::span<const nghttp2_nv> response(const ResponseHead& head, bool end_stream, bool to_head);
  std::span<const nghttp2_nv> trailers(const HeaderMap& trailers);

 private:
  void begin(size_t fields);
  // `name` is static and in lower case.
  void add(std::string_view name, std::string_view value, uint8_t flags = 0);
  void addNumber(std::string_view name, uint64_t number);
  struct Omit {
    bool te = true;
    bool handshake = false;  // of a WebSocket in HTTP/1
  };
  void addFields(const HeaderMap& headers, Omit omit);
  void addOther(const HeaderMap::Field& field);

  std::vector<nghttp2_nv> fields_;
  base::Arena arena_;  // lower-cased names, numbers
};

}  // namespace weir::http::http2
