#include "source/http/http2/session.h"

#include <algorithm>
#include <cstring>

namespace weir::http::http2 {

Session::Session(Role role, const CodecServices& services, CodecOutput& output)
    : services_(services),
      output_(output),
      role_(role),
      peer_(role == Role::kServer ? ErrorOrigin::kDownstream : ErrorOrigin::kUpstream),
      guard_(services.options, services.dispatcher),
      bdp_(services.options.stream_window_bytes, services.options.max_window_bytes),
      connection_window_(services.options.connection_window_bytes),
      head_timer_(services.dispatcher.wheel(), event::wheelCallback<&Session::onHeadTimeout>, this),
      stall_timer_(services.dispatcher.wheel(), event::wheelCallback<&Session::onStalled>, this),
      keepalive_timer_(services.dispatcher.wheel(), event::wheelCallback<&Session::onKeepalive>,
                       this) {
  native_ = createNative();
  announce();
  services_.cells.connections.add();
  armKeepalive();
  schedule();
}

Session::~Session() {
  while (Stream* const stream = all_.front()) delete stream;
  nghttp2_session_del(native_);
}

// ---- receiving ------------------------------------------------------------------------------

StreamError Session::receive(buffer::Buffer& data, bool end_stream) {
  if (dead_) {
    data.clear();
    return {};
  }
  data_received_ = 0;
  if (!data.empty()) {
    feed(data);
    armKeepalive();
    measureBandwidth();
  }
  deliverReady();
  if (dead_) return {};  // by connectionLost(), from a decoder
  openConnectionWindow();
  // Acknowledgements, window updates, and what answered at once. Also what nghttp2 has to say of a
  // peer that broke the protocol; onFrameSent() notes that.
  if (!failed() && nghttp2_session_get_outbound_queue_size(native_) > 0) flush();
  finishClosed();
  armHeadTimer();
  if (failed()) return die();
  afterCall();
  if (end_stream && streams_open_ > 0) {
    return {peer_, ErrorReason::kConnectionClosed, false, "connection closed with open streams"};
  }
  return {};
}

void Session::feed(buffer::Buffer& data) {
  const size_t most_queued =
      kMaxQueuedFrames + 2 * size_t{services_.options.max_concurrent_streams};
  input_ = &data;
  in_nghttp2_ = true;
  while (!data.empty() && !failed()) {
    const std::string_view piece = data.front();
    const ssize_t taken = nghttp2_session_mem_recv(
        native_, reinterpret_cast<const uint8_t*>(piece.data()), piece.size());
    if (taken < 0) {
      onNativeError(taken);
      break;
    }
    data.drain(static_cast<size_t>(taken));
    if (nghttp2_session_get_outbound_queue_size(native_) > most_queued) {
      fail({peer_, ErrorReason::kProtocol, false, "too many frames to answer"},
           NGHTTP2_ENHANCE_YOUR_CALM);
    }
    if (taken == 0) break;
  }
  in_nghttp2_ = false;
  input_ = nullptr;
  if (failed()) data.clear();
}

void Session::onNativeError(ssize_t error) {
  if (failed()) return;  // ours, parked by a callback
  switch (error) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
      fail({peer_, ErrorReason::kProtocol, false, "no HTTP/2 preface"}, NGHTTP2_PROTOCOL_ERROR);
      return;
    case NGHTTP2_ERR_FLOODED:
      exceed(Limit::kPings, "too many frames to acknowledge");
      return;
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
      exceed(Limit::kContinuationFrames, "too many CONTINUATION frames");
      return;
    default:
      fail({ErrorOrigin::kLocal, ErrorReason::kProtocol, false, "HTTP/2 session failed"},
           NGHTTP2_INTERNAL_ERROR);
      return;
  }
}

int Session::fail(const StreamError& error, uint32_t code) {
  if (!failed()) {
    error_ = error;
    error_code_ = code;
  }
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Session::exceed(Limit limit, std::string_view detail) {
  if (!failed()) services_.cells.limit(limit).add();
  return fail({peer_, ErrorReason::kProtocol, false, detail}, NGHTTP2_ENHANCE_YOUR_CALM);
}

Stream* Session::find(int32_t id) {
  if (found_ == nullptr || found_->id != id || found_->closed) {
    found_ = static_cast<Stream*>(nghttp2_session_get_stream_user_data(native_, id));
  }
  return found_;
}

// ---- telling --------------------------------------------------------------------------------

void Session::tellLater(Stream& stream) {
  if (!stream.attached || stream.base::ListNode<OnReady>::linked()) return;
  ready_.pushBack(stream);
}

void Session::deliverReady() {
  while (Stream* const stream = ready_.popFront()) deliver(*stream);
}

// Each call out may reset or detach the stream; it is not destroyed before finishClosed().
void Session::deliver(Stream& stream) {
  if (!stream.attached) return;
  if (stream.error.reason != ErrorReason::kNone) {
    stream.detach();
    return stream.tellReset(stream.error);
  }
  Inbound& in = stream.in;
  if (in.head_waits) {
    in.head_waits = false;
    const bool end = in.ended && in.held.empty() && !in.trailers && !in.answer_pending;
    in.told_end = end;
    stream.tellHead(end);
  }
  if (stream.attached && in.wanted && !in.answer_pending && !in.told_end) deliverBody(stream);
  if (!stream.attached) return;
  updateBlocked(stream);
  if (stream.attached && in.told_end) {
    stream.afterEndTold();
    if (stream.closed && !stream.base::ListNode<OnClosed>::linked()) closed_.pushBack(stream);
  } else if (stream.attached && !in.held.empty()) {
    in.held.compact();  // it may be long before it is wanted
  }
}

void Session::deliverBody(Stream& stream) {
  Inbound& in = stream.in;
  if (!in.held.empty()) {
    buffer::Buffer piece(std::move(in.held));
    held_ -= piece.size();
    if (!in.ended && !stream.closed) {
      nghttp2_session_consume_stream(native_, stream.id, piece.size());
    }
    in.told_end = in.ended && !in.trailers;
    stream.tellBody(piece, in.told_end);
    if (!stream.attached || !in.wanted) return;
  }
  if (!in.ended || in.told_end) return;
  in.told_end = true;
  if (in.trailers) return stream.tellTrailers();
  buffer::Buffer nothing(services_.blocks);
  stream.tellBody(nothing, true);
}

void Session::updateBlocked(Stream& stream) {
  Outbound& out = stream.out;
  const size_t waiting = out.waiting.size();
  const size_t most = above_high_ ? kSendLowBytes : kSendHighBytes;
  const bool blocked = out.told_blocked ? waiting >= kSendLowBytes : waiting > most;
  if (blocked == out.told_blocked || out.ended) return;
  out.told_blocked = blocked;
  stream.tellBlocked(blocked);
}

void Session::setReadEnabled(Stream& stream, bool enabled) {
  if (stream.in.wanted == enabled) return;
  stream.in.wanted = enabled;
  if (!enabled) return;
  tellLater(stream);
  schedule();
}

void Session::finishClosed() {
  while (Stream* const stream = closed_.popFront()) {
    if (stream->attached && !stream->finish() && stream->attached) {
      const Inbound& in = stream->in;
      // Complete but for what the decoder does not want yet.
      const bool later = role_ == Role::kClient && in.ended && !in.told_end &&
                         stream->error.reason == ErrorReason::kNone;
      if (later) continue;
      StreamError error = stream->error;
      if (error.reason == ErrorReason::kNone) {
        error = closeError(*stream);
      }
      stream->detach();
      stream->tellReset(error);
    }
    delete stream;
    onStreamGone();
  }
}

// nghttp2 let the stream go, and nobody had said why.
StreamError Session::closeError(const Stream& stream) const {
  const bool refused = stream.close_code == NGHTTP2_REFUSED_STREAM && role_ == Role::kClient;
  if (refused) {
    return {peer_, ErrorReason::kStreamReset, /*retry_safe=*/true, "stream refused by the peer"};
  }
  if (stream.peer_reset || stream.close_code == NGHTTP2_NO_ERROR) {
    return {peer_, ErrorReason::kStreamReset, false, "stream reset by the peer"};
  }
  if (stream.reset_sent)
    return {ErrorOrigin::kLocal, ErrorReason::kStreamReset, false, "stream was reset"};
  return {peer_, ErrorReason::kProtocol, false, "stream error"};
}

void Session::closeUnsent(Stream& stream) {
  stream.closed = true;
  if (!stream.base::ListNode<OnClosed>::linked()) closed_.pushBack(stream);
  schedule();
}

// ---- windows --------------------------------------------------------------------------------

void Session::dropHeld(Stream& stream) {
  held_ -= stream.in.held.size();
  stream.in.held.clear();
}

void Session::openConnectionWindow() {
  const size_t kept = held_ > connection_window_ ? held_ - connection_window_ : 0;
  if (owed_ <= kept) return;
  const size_t given = owed_ - kept;
  owed_ = kept;
  nghttp2_session_consume_connection(native_, given);
}

void Session::measureBandwidth() {
  if (data_received_ > 0 && bdp_.onData(data_received_)) submitPing(kBdpPing);
}

void Session::growWindows() {
  const Options& options = services_.options;
  const uint32_t window = bdp_.window();
  const nghttp2_settings_entry entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
  nghttp2_submit_settings(native_, NGHTTP2_FLAG_NONE, &entry, 1);
  const uint64_t connection =
      std::min<uint64_t>(uint64_t{window} * 2, std::max(window, options.max_window_bytes));
  if (connection <= connection_window_) return;
  connection_window_ = static_cast<uint32_t>(connection);
  nghttp2_session_set_local_window_size(native_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(connection_window_));
}

// ---- ends -----------------------------------------------------------------------------------

void Session::onTurnEnd() {
  if (dead_) return;
  flush();
  deliverReady();
  if (dead_) return;
  openConnectionWindow();
  finishClosed();
  if (!dead_ && nghttp2_session_get_outbound_queue_size(native_) > 0) schedule();
  if (dead_) return;
  if (!failed()) return afterCall();
  const StreamError error = die();
  onFatal(error);
}

void Session::failNow(const StreamError& error, uint32_t code) {
  if (dead_) return;
  fail(error, code);
  const StreamError told = die();
  onFatal(told);
}

// The last words, and everybody is told.
StreamError Session::die() {
  if (error_.reason == ErrorReason::kProtocol) services_.cells.protocol_errors.add();
  pull(false);
  if (!goaway_error_sent_) putGoaway(error_code_);
  output_.outputReady(false);
  const StreamError error = error_;
  tellAll(error);
  return error;
}

void Session::connectionLost(const StreamError& error) {
  if (!dead_) tellAll(error);
}

void Session::tellAll(const StreamError& error) {
  dead_ = true;
  head_timer_.cancel();
  stall_timer_.cancel();
  keepalive_timer_.cancel();
  // A decoder that is told may end others.
  for (Stream* stream = firstAttached(); stream != nullptr; stream = firstAttached()) {
    const bool own_error = stream->error.reason != ErrorReason::kNone;
    const StreamError told = own_error ? stream->error : error;
    stream->detach();
    stream->tellReset(told);
  }
}

Stream* Session::firstAttached() {
  Stream* stream = all_.front();
  while (stream != nullptr && !stream->attached) stream = all_.next(*stream);
  return stream;
}

void Session::failStream(Stream& stream, uint32_t code, const StreamError& error) {
  if (!stream.attached || stream.error.reason != ErrorReason::kNone) return;
  stream.error = error;
  submitReset(stream, code);
  tellLater(stream);
  schedule();
  if (error.reason != ErrorReason::kProtocol) return;
  services_.cells.protocol_errors.add();
  countReset("too many streams that had to be reset");
}

// A client that makes us reset its streams is no better than one that resets them itself.
void Session::countReset(std::string_view detail) {
  if (role_ == Role::kServer && !guard_.count(Limit::kResets)) exceed(Limit::kResets, detail);
}

}  // namespace weir::http::http2
