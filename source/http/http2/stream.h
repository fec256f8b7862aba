#pragma once

#include <cstdint>

#include "source/base/intrusive_list.h"
#include "source/buffer/buffer.h"
#include "source/event/dispatcher.h"
#include "source/http/http2/head_reader.h"
#include "source/http/stream_error.h"

namespace weir::http::http2 {

class Session;

// Lists of its session that a stream can be on.
struct OnAll;     // as long as it lives
struct OnReady;   // something waits to be told
struct OnClosed;  // nghttp2 has let it go; to be finished

// What comes from the peer. Value.
struct Inbound {
  explicit Inbound(buffer::BlockPool& blocks) : held(blocks) {}

  buffer::Buffer held;     // came, and is not handed over
  uint64_t remaining = 0;  // of Content-Length, when that is known
  bool length_known = false;
  bool head_done = false;       // the final head has come
  bool head_waits = false;      // … or an interim one, and is not handed over
  bool trailers = false;        // came
  bool ended = false;           // END_STREAM came
  bool told_end = false;        // and the decoder knows
  bool wanted = true;           // the decoder takes the body
  bool answer_pending = false;  // a tunnel was asked for: nothing is handed over before the answer
};

// What goes to the peer. Value.
struct Outbound {
  explicit Outbound(buffer::BlockPool& blocks) : waiting(blocks) {}

  buffer::Buffer waiting;      // for windows and for room in the output
  event::MonotonicTime moved;  // when something last went, or began to wait
  uint64_t remaining = 0;      // of Content-Length, when that is known
  void* trailers = nullptr;    // a TrailerList, to follow what waits
  bool length_known = false;
  bool bodyless = false;      // what comes of a body is dropped
  bool head_done = false;     // the final head was given
  bool ended = false;         // all was given
  bool end_sent = false;      // END_STREAM is in the output
  bool deferred = false;      // nghttp2 has nothing of it and waits to be told
  bool sender = false;        // counted as one that waits to send
  bool told_blocked = false;  // the source was told to stop
};

// One exchange of a session: the part that does not depend on which side began it. Made when it
// begins; destroyed by its session when nghttp2 has let it go and nobody is told of it any more,
// never while a call of the session is on the stack that may still use it. Worker-confined.
class Stream : public base::ListNode<OnAll>,
               public base::ListNode<OnReady>,
               public base::ListNode<OnClosed> {
 public:
  Stream(Session& session, buffer::BlockPool& blocks);
  virtual ~Stream();
  static void* operator new(size_t bytes);
  static void operator delete(void* memory);

  // Nothing more is told, and what waits is dropped.
  void detach();
  bool tunnel() const { return tunnel_; }

  // For the session: tells the decoder.
  virtual void tellHead(bool end_stream) = 0;
  virtual void tellBody(buffer::Buffer& data, bool end_stream) = 0;
  virtual void tellTrailers() = 0;
  virtual void tellBlocked(bool blocked) = 0;
  virtual void tellReset(const StreamError& error) = 0;
  // The decoder knows the end; it may be that the stream is over with that.
  virtual void afterEndTold() {}
  // A field block begins: of a head, as there was none, or of trailers.
  virtual void beginHead(HeadReader& reader) = 0;
  virtual HeaderMap& trailers() = 0;
  // The block is complete.
  virtual void headDone(const StreamError& error, bool too_many_fields, bool end_stream) = 0;
  // A DATA frame has gone, and more waits.
  virtual void afterPartSent() {}
  // END_STREAM has gone.
  virtual void afterEndSent() {}
  // nghttp2 has let it go. True: as complete as it can be; the owner is told, if that is called
  // for, and the stream is detached. False: it ended abnormally.
  virtual bool finish() = 0;

  int32_t id = 0;  // 0: not known to nghttp2 yet
  Inbound in;
  Outbound out;
  bool attached = true;     // somebody is told what happens
  bool closed = false;      // nghttp2 has let it go
  bool peer_reset = false;  // by the peer
  bool reset_sent = false;  // by us
  uint32_t close_code = 0;
  StreamError error;  // kNone, or what is to be told instead of all the rest

 protected:
  // How much of `data` the announced length has room for; the rest is dropped. False: with `end`
  // there is less than was announced.
  bool fitLength(buffer::Buffer& data, bool end);
  Session& session_;
  bool tunnel_ = false;
};

}  // namespace weir::http::http2
