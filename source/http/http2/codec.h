#pragma once

#include <cstdint>
#include <memory>

#include "source/base/random.h"
#include "source/event/dispatcher.h"
#include "source/http/codec.h"
#include "source/http/http2/options.h"
#include "source/http/http2/stats.h"

namespace weir::http::http2 {

// The 24 bytes that a client of prior knowledge begins with (RFC 9113 3.4).
inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// What a codec uses; all of it outlives the codec.
struct CodecServices {
  event::Dispatcher& dispatcher;
  buffer::BlockPool& blocks;
  base::Random& random;
  const Cells& cells;
  const CodecLimits& limits;
  const Options& options;
};

// The codecs of one HTTP/2 connection each (RFC 9113). They live as long as the connection, and may
// be destroyed when no call of theirs is on the stack; streams are then forgotten without a word.
//
// One form inside: an extended CONNECT for a protocol P (RFC 8441) is handed over as what HTTP/1
// makes of it: method GET, head.upgrade = P, with Connection, Upgrade and for a WebSocket a
// Sec-WebSocket-Key of the codec's making; status 101 with framing kTunnel becomes 200 on the wire,
// a Sec-WebSocket-Accept that does not fit the key becomes 502, and 2xx without a switch 501, since
// it would read as a tunnel. The client codec does the same
// the other way round. Cookie crumbs are joined. Names are written in lower case; fields that
// belong to one HTTP/1 connection are left out.
//
// Bodies: what a stream is sent counts against its window and the connection's until the decoder
// has it; a stream whose reading is disabled keeps at most its window. What is to be sent waits in
// the stream; over kSendHighBytes (kSendLowBytes, while the connection is above its watermark) its
// source is told to stop (onResponseBlocked, onRequestBlocked).
// Frames of all streams leave together at the end of a loop turn, by urgency (RFC 9218), as long as
// the connection's output is below its watermark.

inline constexpr size_t kSendHighBytes = 128 * 1024;
inline constexpr size_t kSendLowBytes = 32 * 1024;

// Server half. drain(): GOAWAY in two steps, closing() when the streams are done.
// closeAfterResponse() is a drain too. A request that is malformed is told by onReset and
// RST_STREAM, a head over the limits by onRefused. `output` and `callbacks` outlive it.
std::unique_ptr<ServerCodec> createServerCodec(const CodecServices& services, CodecOutput& output,
                                               ServerCodecCallbacks& callbacks);

// What a client codec tells its owner. Worker-confined.
class ClientCallbacks {
 public:
  // A stream is over, in whatever way, and its decoder knows (unless it was reset here).
  virtual void onStreamEnded() = 0;
  // The peer allows another number of streams, or none any more (goingAway()).
  virtual void onCapacityChanged() = 0;
  // The peer's GOAWAY leaves out streams that were begun, which are told next: it took only so many
  // on this connection. From inside dispatch().
  virtual void onStreamsLeftOut(uint32_t /*taken*/) {}
  // Outside of dispatch(), which returns such an error instead: all streams have been told; flush
  // the output and close.
  virtual void onConnectionError(const StreamError& error) = 0;

 protected:
  ~ClientCallbacks() = default;
};

// Client half. newStream() only while freeStreams() > 0. Errors of streams that the peer surely did
// not process (REFUSED_STREAM, above GOAWAY's last id) are retry_safe. Worker-confined.
class Http2ClientCodec : public ClientCodec {
 public:
  virtual uint32_t openStreams() const = 0;
  // How many can be begun now: by what the peer allows, by Options, and none when going away.
  // Before the peer's SETTINGS have come: as many as Options allow, at most 100.
  virtual uint32_t freeStreams() const = 0;
  // The peer sent GOAWAY, or stream ids are used up: close when openStreams() is 0.
  virtual bool goingAway() const = 0;
  // The peer takes extended CONNECT; false until its SETTINGS have come.
  virtual bool extendedConnect() const = 0;
  // Its SETTINGS have come.
  virtual bool settled() const = 0;
  // The connection is gone: every stream is told `error`, with `unanswered` as it is for each.
  virtual void connectionLost(const StreamError& error) = 0;
  // No more streams: GOAWAY, for good manners; those that are open finish.
  virtual void drain() = 0;
};
std::unique_ptr<Http2ClientCodec> createClientCodec(const CodecServices& services,
                                                    CodecOutput& output,
                                                    ClientCallbacks& callbacks);

}  // namespace weir::http::http2
