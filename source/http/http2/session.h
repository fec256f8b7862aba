#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstdint>
#include <span>

#include "source/base/intrusive_list.h"
#include "source/event/timer.h"
#include "source/http/http2/bdp_estimator.h"
#include "source/http/http2/codec.h"
#include "source/http/http2/flood_guard.h"
#include "source/http/http2/head_reader.h"
#include "source/http/http2/head_writer.h"
#include "source/http/http2/memory.h"
#include "source/http/http2/priority.h"
#include "source/http/http2/stream.h"

namespace weir::http::http2 {

// One HTTP/2 connection on top of nghttp2, of either side: what server and client codec share.
//
// What nghttp2 tells while it reads is only noted; decoders are called when it has returned, so
// that they may do anything (deliverReady). The one exception is an interim response right before
// another head, which needs the place: then `in_nghttp2_` keeps the encoders from sending.
// What leaves goes through nghttp2 into CodecOutput::output(): heads at once, so that nothing has
// to be copied, bodies at the end of the loop turn, by urgency and as far as output and windows
// have room.
//
// Flow control, received side. A stream's window opens as its decoder takes the data. The
// connection's opens on receipt, so that a stream that nobody reads does not stop the others, but
// only while all streams together hold no more than the connection's window: together with what is
// in flight, memory is bounded by two such windows. Worker-confined.
class Session : private event::TurnEndTask {
 public:
  enum class Role : uint8_t { kServer, kClient };

  Session(Role role, const CodecServices& services, CodecOutput& output);
  virtual ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // For streams.
  const CodecServices& services() const { return services_; }
  HeadWriter& writer() { return memory_.writer(); }
  ErrorOrigin peer() const { return peer_; }
  // The head or an interim one; `body`: more follows.
  void submitResponse(Stream& stream, std::span<const nghttp2_nv> list, bool body);
  void submitInterim(Stream& stream, std::span<const nghttp2_nv> list);
  // False: it cannot be begun any more.
  bool submitRequest(Stream& stream, std::span<const nghttp2_nv> list, bool body);
  void sendBody(Stream& stream, buffer::Buffer& data, bool end_stream);
  void sendTrailers(Stream& stream, const HeaderMap& trailers);
  // RST_STREAM, or nothing when nghttp2 does not know the stream any more.
  void submitReset(Stream& stream, uint32_t code);
  // The stream is broken: RST_STREAM, and its decoder is told.
  void failStream(Stream& stream, uint32_t code, const StreamError& error);
  void setReadEnabled(Stream& stream, bool enabled);
  void tellLater(Stream& stream);
  // Bytes that nobody wants count as taken.
  void dropHeld(Stream& stream);
  void dropWaiting(Stream& stream);
  // Destroys it, of which nghttp2 knows nothing, as soon as that may be.
  void closeUnsent(Stream& stream);
  void setPriority(int32_t stream_id, const Priority& priority);
  void schedule() {
    if (!dead_) services_.dispatcher.atTurnEnd(*this);
  }
  // For nghttp2.
  static ssize_t readBody(Session& session, Stream& stream, size_t most, uint32_t& flags);

 protected:
  // What the two sides do differently.
  virtual Stream* acceptStream(int32_t) { return nullptr; }
  // False: HEADERS must not be on this one (RFC 9113 5.1.1).
  virtual bool idAllowed(int32_t) const { return true; }
  virtual void onPriorityField(Stream&, std::string_view) {}
  virtual void onPriorityUpdate(int32_t, std::string_view) {}
  virtual void onSettings() {}
  virtual void onGoaway(int32_t) {}  // with this last stream; those above it are told next
  virtual void onDrainPong() {}
  virtual void onGoawaySent(int32_t) {}  // without an error, with this last stream
  virtual void afterCall() {}            // everything is told and, as far as may be, sent
  virtual void onStreamGone() {}         // one was destroyed
  virtual void onFatal(const StreamError& error) = 0;  // outside of receive()

  StreamError receive(buffer::Buffer& data, bool end_stream);
  void aboveHighWatermark();
  void belowLowWatermark();
  // Tells every stream, and is no more of use.
  void connectionLost(const StreamError& error);
  void submitPing(const char (&payload)[9]);
  // An error of the whole connection that did not come of its bytes.
  void failNow(const StreamError& error, uint32_t code);
  // The same from within nghttp2's callbacks.
  int fail(const StreamError& error, uint32_t code);
  int exceed(Limit limit, std::string_view detail);
  // One more stream that came to nothing by the client's doing; too many end the connection.
  void countReset(std::string_view detail);
  bool failed() const { return error_.reason != ErrorReason::kNone; }
  // nullptr: nghttp2 does not know it, or nobody has it any more.
  Stream* find(int32_t id);

  nghttp2_session* native() const { return native_; }
  bool dead() const { return dead_; }
  bool inFieldBlock() const { return block_open_; }
  uint32_t openStreams() const { return streams_open_; }      // somebody is told of them
  uint32_t activeStreams() const { return streams_active_; }  // nghttp2 knows them

  // What a peer is taken to allow before it says so.
  static constexpr uint32_t kStreamsBeforeSettings = 100;
  static constexpr char kDrainPing[9] = "weir-drn";

  const CodecServices services_;
  CodecOutput& output_;

 private:
  friend class Stream;
  friend struct NativeCallbacks;
  // RST_STREAM and acknowledgements that may wait for a peer that does not read, beside what its
  // streams need.
  static constexpr size_t kMaxQueuedFrames = 4096;
  // What one flush may put into the output: a little more than the connection's high watermark, so
  // that a connection that does not take it says so, and then when there is room.
  static constexpr size_t kOutputBytes = 260 * 1024;
  static constexpr char kBdpPing[9] = "weir-bdp";
  static constexpr char kKeepalivePing[9] = "weir-kal";

  struct TrailerList {
    size_t count;  // of nghttp2_nv behind this; their texts behind them
  };

  // session_callbacks.cc
  nghttp2_session* createNative();
  void announce();
  int onBeginFrame(const nghttp2_frame_hd& frame);
  int onBeginHeaders(const nghttp2_frame& frame);
  void onField(std::string_view name, std::string_view value, bool never_indexed);
  void onDataChunk(int32_t id, const char* data, size_t size);
  int onFrame(const nghttp2_frame& frame);
  int onDataFrame(const nghttp2_frame& frame);
  void onFieldBlock(const nghttp2_frame& frame);
  int onResetFrame(const nghttp2_frame& frame);
  void onPong(const uint8_t* payload);
  int onInvalidFrame(const nghttp2_frame& frame);
  void onClose(int32_t id, uint32_t code);
  void onFrameSent(const nghttp2_frame& frame);
  void onFrameNotSent(const nghttp2_frame& frame);
  static std::string_view connectionErrorText(uint32_t code);
  ssize_t onReadBody(Stream& stream, size_t most, uint32_t& flags);
  void onSendBody(Stream& stream, const nghttp2_frame& frame, const uint8_t* head, size_t bytes);

  // session.cc
  void onTurnEnd() override;
  void feed(buffer::Buffer& data);
  void onNativeError(ssize_t error);
  void deliverReady();
  void deliver(Stream& stream);
  void deliverBody(Stream& stream);
  void updateBlocked(Stream& stream);
  void openConnectionWindow();
  void measureBandwidth();
  void growWindows();
  void finishClosed();
  StreamError die();
  void tellAll(const StreamError& error);
  Stream* firstAttached();
  StreamError closeError(const Stream& stream) const;
  bool lengthMet(Stream& stream);
  // session_send.cc
  void pull(bool bodies);
  void put(const uint8_t* bytes, size_t count);
  void putFirstSettings(const uint8_t* bytes, size_t count);
  void putGoaway(uint32_t code);
  void flush();
  void wake(Stream& stream);
  void setSender(Stream& stream, bool sender);
  void submitTrailers(Stream& stream);
  bool mayRefer() const;
  // session_timers.cc
  void armHeadTimer();
  void armStallTimer();
  void armKeepalive();
  void onHeadTimeout();
  void onStalled();
  void onKeepalive();

  const Role role_;
  const ErrorOrigin peer_;
  nghttp2_session* native_ = nullptr;
  FloodGuard guard_;
  BdpEstimator bdp_;
  HeadReader reader_;
  Memory& memory_ = Memory::ofThisThread();
  base::IntrusiveList<Stream, OnAll> all_;
  base::IntrusiveList<Stream, OnReady> ready_;
  base::IntrusiveList<Stream, OnClosed> closed_;
  uint32_t streams_open_ = 0;
  uint32_t streams_active_ = 0;
  uint32_t senders_ = 0;  // streams with data, or an end, that waits

  buffer::Buffer* input_ = nullptr;  // while nghttp2 reads
  buffer::Buffer* into_ = nullptr;   // while nghttp2 writes
  Stream* found_ = nullptr;          // the last one that was looked for
  Stream* block_stream_ = nullptr;   // whose field block comes; nullptr: nobody's
  size_t held_ = 0;                  // bytes in all Inbound::held
  size_t owed_ = 0;                  // received, and not given back to the connection's window
  uint32_t data_received_ = 0;       // in this call of receive()
  bool in_nghttp2_ = false;
  bool block_open_ = false;
  bool bodies_ = false;  // whether pull() lets bodies go
  bool full_ = false;    // it stopped at kOutputBytes
  bool pulled_ = false;  // outputReady() is due
  bool above_high_ = false;
  bool settings_sent_ = false;
  bool goaway_error_sent_ = false;
  bool keepalive_pending_ = false;
  bool dead_ = false;
  StreamError error_;
  uint32_t error_code_ = 0;
  uint32_t connection_window_;

  event::WheelTimer head_timer_;
  event::WheelTimer stall_timer_;
  event::WheelTimer keepalive_timer_;
};

}  // namespace weir::http::http2
