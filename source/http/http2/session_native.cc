// How a session sets nghttp2 up.
#include <algorithm>
#include <array>
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
                    const uint8_t* value, size_t value_size, uint8_t flags, void* session) {
    of(session).onField({reinterpret_cast<const char*>(name), name_size},
                        {reinterpret_cast<const char*>(value), value_size},
                        (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0);
    return 0;
  }
  static int dataChunk(nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size,
                       void* session) {
    of(session).onDataChunk(id, reinterpret_cast<const char*>(data), size);
    return of(session).failed() ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
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

}  // namespace weir::http::http2
