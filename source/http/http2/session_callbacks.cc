// What nghttp2 tells a session.
#include <algorithm>
#include <cstring>

#include "source/http/http2/session.h"

namespace weir::http::http2 {

// ---- frames ---------------------------------------------------------------------------------

int Session::onBeginFrame(const nghttp2_frame_hd& frame) {
  if (frame.type != NGHTTP2_CONTINUATION) block_open_ = false;
  const bool ack = (frame.flags & NGHTTP2_FLAG_ACK) != 0;
  switch (frame.type) {
    case NGHTTP2_HEADERS:
      if (idAllowed(frame.stream_id)) return 0;
      return fail({peer_, ErrorReason::kProtocol, false, "stream number that was passed over"},
                  NGHTTP2_PROTOCOL_ERROR);
    case NGHTTP2_CONTINUATION:  // nghttp2 looks at other frames only
      if (frame.length <= services_.options.max_frame_bytes) return 0;
      return fail({peer_, ErrorReason::kProtocol, false, "frame of a wrong size"},
                  NGHTTP2_FRAME_SIZE_ERROR);
    case NGHTTP2_DATA:
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_PUSH_PROMISE:
    case NGHTTP2_GOAWAY:
      return 0;
    case NGHTTP2_SETTINGS:
      if (ack || guard_.count(Limit::kSettings)) return 0;
      return exceed(Limit::kSettings, "too many SETTINGS");
    case NGHTTP2_PING:
      if (ack || guard_.count(Limit::kPings)) return 0;
      return exceed(Limit::kPings, "too many PINGs");
    case NGHTTP2_PRIORITY:
      if (frame.stream_id == 0) {  // nghttp2 skips them all
        return fail({peer_, ErrorReason::kProtocol, false, "PRIORITY of stream 0"},
                    NGHTTP2_PROTOCOL_ERROR);
      }
      [[fallthrough]];
    case NGHTTP2_PRIORITY_UPDATE:
      if (guard_.count(Limit::kPriorities)) return 0;
      return exceed(Limit::kPriorities, "too many priorities");
    case NGHTTP2_WINDOW_UPDATE:
      if (guard_.windowUpdate()) return 0;
      return exceed(Limit::kWindowUpdates, "too many WINDOW_UPDATEs");
    default:
      if (guard_.count(Limit::kUnknownFrames)) return 0;
      return exceed(Limit::kUnknownFrames, "too many frames of unknown types");
  }
}

int Session::onFrame(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_DATA:
      return onDataFrame(frame);
    case NGHTTP2_HEADERS:
      onFieldBlock(frame);
      return failed() ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
    case NGHTTP2_RST_STREAM:
      return onResetFrame(frame);
    case NGHTTP2_SETTINGS:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) == 0) {
        onSettings();
        schedule();  // windows may have opened
      }
      return 0;
    case NGHTTP2_WINDOW_UPDATE:
      if (senders_ > 0) schedule();
      return 0;
    case NGHTTP2_PING:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) onPong(frame.ping.opaque_data);
      return 0;
    case NGHTTP2_GOAWAY:
      services_.cells.goaways_received.add();
      onGoaway(frame.goaway.last_stream_id);
      return 0;
    case NGHTTP2_PRIORITY_UPDATE: {
      const auto& update = *static_cast<const nghttp2_ext_priority_update*>(frame.ext.payload);
      onPriorityUpdate(update.stream_id,
                       {reinterpret_cast<const char*>(update.field_value), update.field_value_len});
      return 0;
    }
    default:
      return 0;
  }
}

// ---- heads ----------------------------------------------------------------------------------

int Session::onBeginHeaders(const nghttp2_frame& frame) {
  block_stream_ = nullptr;
  if (frame.hd.type != NGHTTP2_HEADERS) return 0;
  block_open_ = true;
  Stream* stream = nullptr;
  if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    stream = acceptStream(frame.hd.stream_id);
    if (stream != nullptr) {
      stream->id = frame.hd.stream_id;
      ++streams_active_;
      guard_.streamBegan();
      nghttp2_session_set_stream_user_data(native_, stream->id, stream);
      found_ = stream;
    }
  } else {
    stream = find(frame.hd.stream_id);
    // The head before has to make room.
    if (stream != nullptr && stream->in.head_waits && !stream->in.head_done) {
      stream->base::ListNode<OnReady>::unlink();
      deliver(*stream);
    }
  }
  if (failed()) return NGHTTP2_ERR_CALLBACK_FAILURE;
  if (stream == nullptr || !stream->attached) return 0;
  block_stream_ = stream;
  if (stream->in.head_done) {
    reader_.beginTrailers(stream->trailers(),
                          {services_.limits.max_trailer_bytes, services_.limits.max_header_fields},
                          peer_);
  } else {
    stream->beginHead(reader_);
  }
  return 0;
}

void Session::onField(std::string_view name, std::string_view value, bool never_indexed) {
  if (block_stream_ == nullptr) return;
  reader_.field(name, value, never_indexed);
  constexpr std::string_view kPriority = "priority";
  if (role_ == Role::kServer && name == kPriority) onPriorityField(*block_stream_, value);
}

void Session::onFieldBlock(const nghttp2_frame& frame) {
  block_open_ = false;
  Stream* const stream = std::exchange(block_stream_, nullptr);
  if (stream == nullptr || !stream->attached) return;
  const bool end = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  const StreamError error = reader_.finish(end);
  if (!stream->in.head_done) {
    stream->headDone(error, reader_.tooManyFields(), end);
  } else if (error.reason != ErrorReason::kNone) {
    return failStream(*stream, NGHTTP2_PROTOCOL_ERROR, error);
  } else {
    stream->in.trailers = true;
  }
  stream->in.ended = stream->in.ended || end;
  if (end) lengthMet(*stream);
  tellLater(*stream);
}

// ---- bodies ---------------------------------------------------------------------------------

void Session::onDataChunk(int32_t id, const char* data, size_t size) {
  owed_ += size;
  data_received_ += static_cast<uint32_t>(size);
  Stream* const stream = find(id);
  if (stream == nullptr || !stream->attached || stream->error.reason != ErrorReason::kNone ||
      stream->in.told_end) {
    return;
  }
  Inbound& in = stream->in;
  if (!in.head_done) {
    return failStream(*stream, NGHTTP2_PROTOCOL_ERROR,
                      {peer_, ErrorReason::kProtocol, false, "DATA before the head"});
  }
  if (in.length_known && size > in.remaining) {
    return failStream(*stream, NGHTTP2_PROTOCOL_ERROR,
                      {peer_, ErrorReason::kProtocol, false, "body is longer than announced"});
  }
  if (in.length_known) in.remaining -= size;
  held_ += size;
  if (size >= buffer::Buffer::kCopyBytes) {
    in.held.append(input_->shareFront(data, size));
  } else {
    in.held.append({data, size});
  }
  tellLater(*stream);
}

int Session::onDataFrame(const nghttp2_frame& frame) {
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
    const size_t size = frame.hd.length;
    if (size == frame.data.padlen) {
      if (!guard_.count(Limit::kEmptyData)) {
        return exceed(Limit::kEmptyData, "too many empty DATA frames");
      }
    } else if (size < Options::kTinyDataBytes && !guard_.count(Limit::kTinyData)) {
      return exceed(Limit::kTinyData, "too many tiny DATA frames");
    }
    return 0;
  }
  Stream* const stream = find(frame.hd.stream_id);
  if (stream == nullptr || !stream->attached) return 0;
  stream->in.ended = true;
  lengthMet(*stream);
  tellLater(*stream);
  return 0;
}

// The end has come: as much as was announced?
bool Session::lengthMet(Stream& stream) {
  if (!stream.in.head_done) {
    failStream(stream, NGHTTP2_PROTOCOL_ERROR,
               {peer_, ErrorReason::kProtocol, false, "end before the head"});
    return false;
  }
  if (!stream.in.length_known || stream.in.remaining == 0) return true;
  failStream(stream, NGHTTP2_PROTOCOL_ERROR,
             {peer_, ErrorReason::kProtocol, false, "body is shorter than announced"});
  return false;
}

// ---- ends -----------------------------------------------------------------------------------

int Session::onResetFrame(const nghttp2_frame& frame) {
  services_.cells.resets_received.add();
  Stream* const stream = find(frame.hd.stream_id);
  if (stream == nullptr) return 0;
  stream->peer_reset = true;
  const bool early = role_ == Role::kServer && !stream->out.head_done;
  if (early) countReset("too many streams given up");
  return failed() ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

// nghttp2 has queued RST_STREAM for it, or ends the connection.
int Session::onInvalidFrame(const nghttp2_frame& frame) {
  Stream* const stream = frame.hd.stream_id > 0 ? find(frame.hd.stream_id) : nullptr;
  if (stream == nullptr || !stream->attached) return 0;
  if (stream->error.reason == ErrorReason::kNone) {
    services_.cells.protocol_errors.add();
    stream->reset_sent = true;
    stream->error = {peer_, ErrorReason::kProtocol, false, "invalid frame"};
    dropWaiting(*stream);
    tellLater(*stream);
  }
  countReset("too many streams that had to be reset");
  return failed() ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

void Session::onClose(int32_t id, uint32_t code) {
  Stream* const stream = find(id);
  if (stream == nullptr) return;
  if (block_stream_ == stream) block_stream_ = nullptr;
  stream->closed = true;
  stream->close_code = code;
  --streams_active_;
  found_ = nullptr;
  closed_.pushBack(*stream);
  schedule();
}

void Session::onPong(const uint8_t* payload) {
  if (std::memcmp(payload, kBdpPing, 8) == 0) {
    if (bdp_.onPong()) growWindows();
  } else if (std::memcmp(payload, kDrainPing, 8) == 0) {
    onDrainPong();
  }
}

void Session::onFrameSent(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS: {
      const bool request = frame.headers.cat == NGHTTP2_HCAT_REQUEST;
      const bool end = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
      if (!request && !end) return;
      Stream* const stream = find(frame.hd.stream_id);
      if (stream == nullptr) return;
      if (request) ++streams_active_;
      if (!end) return;
      stream->out.end_sent = true;
      stream->afterEndSent();
      return;
    }
    case NGHTTP2_RST_STREAM:
      services_.cells.resets_sent.add();
      if (frame.rst_stream.error_code != NGHTTP2_FLOW_CONTROL_ERROR) return;
      // nghttp2's own, for a window that overflowed. By SETTINGS it must be the connection's error
      // (RFC 9113 6.9.2), otherwise it may be (5.4.1).
      fail({peer_, ErrorReason::kProtocol, false, connectionErrorText(NGHTTP2_FLOW_CONTROL_ERROR)},
           NGHTTP2_FLOW_CONTROL_ERROR);
      return;
    case NGHTTP2_GOAWAY:
      services_.cells.goaways_sent.add();
      if (frame.goaway.error_code == NGHTTP2_NO_ERROR) {
        return onGoawaySent(frame.goaway.last_stream_id);
      }
      goaway_error_sent_ = true;
      fail({peer_, ErrorReason::kProtocol, false, connectionErrorText(frame.goaway.error_code)},
           frame.goaway.error_code);
      return;
    default:
      return;
  }
}

// A head that cannot be sent: too large, or the stream is gone.
void Session::onFrameNotSent(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS) return;
  Stream* const stream = find(frame.hd.stream_id);
  if (stream == nullptr) return;
  if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    ++streams_active_;  // onClose() follows
    return;
  }
  failStream(*stream, NGHTTP2_INTERNAL_ERROR,
             {ErrorOrigin::kLocal, ErrorReason::kHeadTooLarge, false, "head cannot be sent"});
}

std::string_view Session::connectionErrorText(uint32_t code) {
  switch (code) {
    case NGHTTP2_PROTOCOL_ERROR:
      return "HTTP/2 protocol error";
    case NGHTTP2_FLOW_CONTROL_ERROR:
      return "more data than the window allows";
    case NGHTTP2_FRAME_SIZE_ERROR:
      return "frame of a wrong size";
    case NGHTTP2_STREAM_CLOSED:
      return "frame on a closed stream";
    case NGHTTP2_COMPRESSION_ERROR:
      return "field block cannot be decompressed";
    case NGHTTP2_ENHANCE_YOUR_CALM:
      return "too much of something";
    default:
      return "HTTP/2 connection error";
  }
}

}  // namespace weir::http::http2
