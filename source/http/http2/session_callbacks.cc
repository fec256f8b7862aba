// What nghttp2 tells a session.
#include <algorithm>
#include <cstring>
#include <memory>

#include "source/http/http2/session.h"

namespace weir::http::http2 {

// C functions around the session's own.
struct NativeCallbacks {
  static Session& of(void* session) { return *static_cast<Session*>(session); }

  static int beginFrame(nghttp2_session*, const nghttp2_frame_hd* frame, void* session) {
    return of(session).onBeginFrame(*frame);
  }
  static int beginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* session) {
    return of(session).onBeginHeaders(*frame);
  }
  static int header(nghttp2_session*, const nghttp2_frame*, const uint8_t* name, size_t name_size,
                    const uint8_t* value, size_t value_size, uint8_t, void* session) {
    of(session).onField({reinterpret_cast<const char*>(name), name_size},
                        {reinterpret_cast<const char*>(value), value_size});
    return 0;
  }
  static int dataChunk(nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size,
                       void* session) {
    of(session).onDataChunk(id, reinterpret_cast<const char*>(data), size);
    return 0;
  }
  static int frameReceived(nghttp2_session*, const nghttp2_frame* frame, void* session) {
    return of(session).onFrame(*frame);
  }
  static int invalidFrame(nghttp2_session*, const nghttp2_frame* frame, int, void* session) {
    return of(session).onInvalidFrame(*frame);
  }
  static int streamClosed(nghttp2_session*, int32_t id, uint32_t code, void* session) {
    of(session).onClose(id, code);
    return 0;
  }
  static int frameSent(nghttp2_session*, const nghttp2_frame* frame, void* session) {
    of(session).onFrameSent(*frame);
    return 0;
  }
  static int frameNotSent(nghttp2_session*, const nghttp2_frame* frame, int, void* session) {
    of(session).onFrameNotSent(*frame);
    return 0;
  }
  static int sendBody(nghttp2_session*, nghttp2_frame* frame, const uint8_t* head, size_t bytes,
                      nghttp2_data_source* source, void* session) {
    of(session).onSendBody(*static_cast<Stream*>(source->ptr), *frame, head, bytes);
    return 0;
  }
  // Frames that nobody knows are counted (onBeginFrame) and skipped.
  static int skipPayload(nghttp2_session*, const nghttp2_frame_hd*, const uint8_t*, size_t, void*) {
    return NGHTTP2_ERR_CANCEL;
  }
  static int skipFrame(nghttp2_session*, void**, const nghttp2_frame_hd*, void*) {
    return NGHTTP2_ERR_CANCEL;
  }

  static nghttp2_session_callbacks* create() {
    nghttp2_session_callbacks* all = nullptr;
    nghttp2_session_callbacks_new(&all);
    nghttp2_session_callbacks_set_on_begin_frame_callback(all, beginFrame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(all, beginHeaders);
    nghttp2_session_callbacks_set_on_header_callback(all, header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, dataChunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(all, frameReceived);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(all, invalidFrame);
    nghttp2_session_callbacks_set_on_stream_close_callback(all, streamClosed);
    nghttp2_session_callbacks_set_on_frame_send_callback(all, frameSent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(all, frameNotSent);
    nghttp2_session_callbacks_set_send_data_callback(all, sendBody);
    nghttp2_session_callbacks_set_on_extension_chunk_recv_callback(all, skipPayload);
    nghttp2_session_callbacks_set_unpack_extension_callback(all, skipFrame);
    return all;
  }
  static const nghttp2_session_callbacks* get() {
    static const nghttp2_session_callbacks* const all = create();
    return all;
  }
};

namespace {

struct OptionDeleter {
  void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};

constexpr uint8_t kFirstUnknownType = 0x0a;
constexpr size_t kMaxSentHeadBytes = 256 * 1024;
constexpr size_t kMaxSettingsEntries = 32;
constexpr size_t kMaxWaitingAcks = 1000;

}  // namespace

nghttp2_session* Session::createNative() {
  const Options& options = services_.options;
  nghttp2_option* raw = nullptr;
  nghttp2_option_new(&raw);
  const std::unique_ptr<nghttp2_option, OptionDeleter> option(raw);
  nghttp2_option_set_no_auto_window_update(raw, 1);
  nghttp2_option_set_no_http_messaging(raw, 1);  // HeadReader, and lengths in onDataChunk
  nghttp2_option_set_no_closed_streams(raw, 1);
  nghttp2_option_set_max_settings(raw, kMaxSettingsEntries);
  nghttp2_option_set_max_outbound_ack(raw, kMaxWaitingAcks);
  nghttp2_option_set_max_continuations(raw, options.max_continuation_frames);
  nghttp2_option_set_max_send_header_block_length(raw, kMaxSentHeadBytes);
  nghttp2_option_set_max_deflate_dynamic_table_size(raw, options.header_table_bytes);
  // FloodGuard counts them, and says something else.
  nghttp2_option_set_stream_reset_rate_limit(raw, uint64_t{1} << 40, uint64_t{1} << 40);
  if (role_ == Role::kClient) {
    nghttp2_option_set_peer_max_concurrent_streams(raw, kStreamsBeforeSettings);
  } else {
    nghttp2_option_set_builtin_recv_extension_type(raw, NGHTTP2_PRIORITY_UPDATE);
  }
  for (int type = kFirstUnknownType; type <= 0xff; ++type) {
    const bool known = type == NGHTTP2_PRIORITY_UPDATE && role_ == Role::kServer;
    if (!known) nghttp2_option_set_user_recv_extension_type(raw, static_cast<uint8_t>(type));
  }
  nghttp2_session* session = nullptr;
  nghttp2_mem* const memory = Memory::forNghttp2();
  if (role_ == Role::kServer) {
    const Memory::SharedFrameBuffer shared;
    nghttp2_session_server_new3(&session, NativeCallbacks::get(), this, raw, memory);
  } else {
    nghttp2_session_client_new3(&session, NativeCallbacks::get(), this, raw, memory);
  }
  return session;
}

// SETTINGS, and the connection's window.
void Session::announce() {
  const Options& options = services_.options;
  std::array<nghttp2_settings_entry, 8> entries;
  size_t count = 0;
  const auto add = [&](int32_t id, uint32_t value) { entries[count++] = {id, value}; };
  if (role_ == Role::kServer) {
    add(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, INT32_MAX);  // see putFirstSettings()
    add(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1);
    if (options.extended_connect) add(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1);
  } else {
    add(NGHTTP2_SETTINGS_ENABLE_PUSH, 0);
    add(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0);
  }
  add(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window_bytes);
  add(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, services_.limits.max_head_bytes);
  if (options.max_frame_bytes != 16 * 1024) {
    add(NGHTTP2_SETTINGS_MAX_FRAME_SIZE, options.max_frame_bytes);
  }
  if (options.header_table_bytes != NGHTTP2_DEFAULT_HEADER_TABLE_SIZE) {
    add(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, options.header_table_bytes);
  }
  nghttp2_submit_settings(native_, NGHTTP2_FLAG_NONE, entries.data(), count);
  nghttp2_session_set_local_window_size(native_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(connection_window_));
}

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

void Session::onField(std::string_view name, std::string_view value) {
  if (block_stream_ == nullptr) return;
  reader_.field(name, value);
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
  if (early && !countReset()) return exceed(Limit::kResets, "too many streams given up");
  return 0;
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
  if (role_ == Role::kServer && !countReset()) {
    return exceed(Limit::kResets, "too many streams that had to be reset");
  }
  return 0;
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
