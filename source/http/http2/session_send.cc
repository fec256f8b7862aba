// What a session sends.
#include <algorithm>
#include <cstring>

#include "source/http/http2/session.h"

namespace weir::http::http2 {
namespace {

constexpr uint8_t kReferToBoth = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;

// The list is written before anything that it refers to can change.
std::span<const nghttp2_nv> referring(std::span<const nghttp2_nv> list) {
  for (const nghttp2_nv& field : list) const_cast<nghttp2_nv&>(field).flags |= kReferToBoth;
  return list;
}

ssize_t readBody(nghttp2_session*, int32_t, uint8_t*, size_t most, uint32_t* flags,
                 nghttp2_data_source* source, void* session) {
  return Session::readBody(*static_cast<Session*>(session), *static_cast<Stream*>(source->ptr),
                           most, *flags);
}

void putNumber(uint8_t* at, uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) *at++ = static_cast<uint8_t>(number >> shift);
}

}  // namespace

// ---- heads ----------------------------------------------------------------------------------

bool Session::mayRefer() const {
  return !in_nghttp2_ && !dead_;
}

void Session::submitResponse(Stream& stream, std::span<const nghttp2_nv> list, bool body) {
  if (dead_) return;
  nghttp2_data_provider provider{{.ptr = &stream}, &http2::readBody};
  const bool at_once = mayRefer();
  if (at_once) list = referring(list);
  nghttp2_submit_response(native_, stream.id, list.data(), list.size(), body ? &provider : nullptr);
  if (at_once) pull(false);
  schedule();
}

void Session::submitInterim(Stream& stream, std::span<const nghttp2_nv> list) {
  if (dead_) return;
  const bool at_once = mayRefer();
  if (at_once) list = referring(list);
  nghttp2_submit_headers(native_, NGHTTP2_FLAG_NONE, stream.id, nullptr, list.data(), list.size(),
                         nullptr);
  if (at_once) pull(false);
  schedule();
}

bool Session::submitRequest(Stream& stream, std::span<const nghttp2_nv> list, bool body) {
  if (dead_) return false;
  nghttp2_data_provider provider{{.ptr = &stream}, &http2::readBody};
  // A request over the peer's limit waits in nghttp2, which then needs a copy.
  const uint32_t most =
      nghttp2_session_get_remote_settings(native_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  const bool at_once = mayRefer() && streams_active_ < most;
  if (at_once) {
    pull(false);  // resets that make room
    list = referring(list);
  }
  const int32_t id = nghttp2_submit_request(native_, nullptr, list.data(), list.size(),
                                            body ? &provider : nullptr, &stream);
  if (id < 0) return false;
  stream.id = id;
  if (at_once) pull(false);
  schedule();
  return true;
}

// ---- bodies ---------------------------------------------------------------------------------

void Session::sendBody(Stream& stream, buffer::Buffer& data, bool end_stream) {
  Outbound& out = stream.out;
  if (!data.empty() || end_stream) setSender(stream, true);
  if (!data.empty()) {
    out.waiting.append(data);
    const size_t most = above_high_ ? kSendLowBytes : kSendHighBytes;
    if (out.waiting.size() > most && !out.told_blocked) tellLater(stream);
  }
  out.ended = out.ended || end_stream;
  wake(stream);
}

// A stream with something to send, be it the end alone: also that needs a window that is open.
void Session::setSender(Stream& stream, bool sender) {
  Outbound& out = stream.out;
  if (out.sender == sender) return;
  out.sender = sender;
  if (!sender) {
    --senders_;
    return;
  }
  ++senders_;
  out.moved = services_.dispatcher.now();
}

void Session::wake(Stream& stream) {
  if (stream.out.deferred) {
    stream.out.deferred = false;
    nghttp2_session_resume_data(native_, stream.id);
  }
  schedule();
}

void Session::dropWaiting(Stream& stream) {
  stream.out.waiting.clear();
  setSender(stream, false);
  if (stream.out.trailers != nullptr) {
    memory_.give(stream.out.trailers);
    stream.out.trailers = nullptr;
  }
}

// They follow what waits: a list of copies in one piece of memory.
void Session::sendTrailers(Stream& stream, const HeaderMap& trailers) {
  const std::span<const nghttp2_nv> list = writer().trailers(trailers);
  if (list.empty()) {
    buffer::Buffer nothing(services_.blocks);
    return sendBody(stream, nothing, true);
  }
  size_t bytes = sizeof(TrailerList) + list.size() * sizeof(nghttp2_nv);
  for (const nghttp2_nv& field : list) bytes += field.namelen + field.valuelen;
  void* const memory = memory_.take(bytes);
  auto* const copy = new (memory) TrailerList{list.size()};
  auto* const fields = reinterpret_cast<nghttp2_nv*>(copy + 1);
  auto* text = reinterpret_cast<uint8_t*>(fields + list.size());
  const auto keep = [&text](const uint8_t* from, size_t size) {
    uint8_t* const to = text;
    if (size > 0) std::memcpy(to, from, size);
    text += size;
    return to;
  };
  for (size_t i = 0; i < list.size(); ++i) {
    fields[i] = list[i];
    fields[i].flags &= static_cast<uint8_t>(~kReferToBoth);
    fields[i].name = keep(list[i].name, list[i].namelen);
    fields[i].value = keep(list[i].value, list[i].valuelen);
  }
  stream.out.trailers = memory;
  stream.out.ended = true;
  setSender(stream, true);
  wake(stream);
}

void Session::submitTrailers(Stream& stream) {
  auto* const list = static_cast<TrailerList*>(stream.out.trailers);
  stream.out.trailers = nullptr;
  nghttp2_submit_trailer(native_, stream.id, reinterpret_cast<const nghttp2_nv*>(list + 1),
                         list->count);
  memory_.give(list);
  if (stream.out.waiting.empty()) setSender(stream, false);
}

// nghttp2 asks for the stream's next DATA frame.
ssize_t Session::readBody(Session& session, Stream& stream, size_t most, uint32_t& flags) {
  return session.onReadBody(stream, most, flags);
}

ssize_t Session::onReadBody(Stream& stream, size_t most, uint32_t& flags) {
  if (!bodies_) return NGHTTP2_ERR_PAUSE;
  if (into_->size() >= kOutputBytes) {
    full_ = true;
    return NGHTTP2_ERR_PAUSE;
  }
  Outbound& out = stream.out;
  if (out.waiting.empty() && !out.ended) {
    out.deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  const size_t size = std::min(most, out.waiting.size());
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (out.ended && size == out.waiting.size()) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (out.trailers != nullptr) {
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      submitTrailers(stream);
    }
  }
  return static_cast<ssize_t>(size);
}

void Session::onSendBody(Stream& stream, const nghttp2_frame& frame, const uint8_t* head,
                         size_t bytes) {
  constexpr size_t kFrameHeadBytes = 9;
  Outbound& out = stream.out;
  if (bytes >= buffer::Buffer::kCopyBytes) {
    // Behind a piece that is referred to there is no room; a small block will do.
    std::memcpy(into_->reserve(kFrameHeadBytes).data(), head, kFrameHeadBytes);
    into_->commit(kFrameHeadBytes);
  } else {
    put(head, kFrameHeadBytes);
  }
  if (bytes > 0) {
    into_->appendPrefix(out.waiting, bytes);
    out.moved = services_.dispatcher.now();
    guard_.dataSent();
  }
  if (out.waiting.empty()) setSender(stream, false);
  pulled_ = true;
  if (out.told_blocked && out.waiting.size() < kSendLowBytes) tellLater(stream);
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
    if (!out.waiting.empty()) stream.afterPartSent();
    return;
  }
  out.end_sent = true;
  stream.afterEndSent();
}

// ---- frames ---------------------------------------------------------------------------------

// All frames but DATA, and DATA if `bodies`, as long as there is room in the output.
void Session::pull(bool bodies) {
  into_ = &output_.output();
  bodies_ = bodies;
  full_ = false;
  in_nghttp2_ = true;
  for (;;) {
    const uint8_t* bytes = nullptr;
    const ssize_t count = nghttp2_session_mem_send(native_, &bytes);
    if (count <= 0) {
      if (count < 0) onNativeError(count);
      break;
    }
    put(bytes, static_cast<size_t>(count));
  }
  in_nghttp2_ = false;
  into_ = nullptr;
}

void Session::put(const uint8_t* bytes, size_t count) {
  constexpr uint8_t kSettingsType = NGHTTP2_SETTINGS;
  pulled_ = true;
  if (!settings_sent_ && count >= 9 && bytes[3] == kSettingsType && bytes[4] == 0) {
    settings_sent_ = true;
    return putFirstSettings(bytes, count);
  }
  into_->append({reinterpret_cast<const char*>(bytes), count});
}

// nghttp2 ends the connection when a client begins more streams than were announced. That is worth
// no more than REFUSED_STREAM (RFC 9113 5.1.2), which we send ourselves: so it is not told the real
// number, which is written here.
void Session::putFirstSettings(const uint8_t* bytes, size_t count) {
  constexpr size_t kEntryBytes = 6;
  std::array<uint8_t, 9 + kEntryBytes * 16> frame;
  count = std::min(count, frame.size());
  std::memcpy(frame.data(), bytes, count);
  for (size_t at = 9; at + kEntryBytes <= count; at += kEntryBytes) {
    const bool streams = frame[at] == 0 && frame[at + 1] == NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS;
    if (streams && role_ == Role::kServer) {
      putNumber(&frame[at + 2], services_.options.max_concurrent_streams);
    }
  }
  into_->append({reinterpret_cast<const char*>(frame.data()), count});
}

// By hand, since nghttp2 may be past sending anything.
void Session::putGoaway(uint32_t code) {
  std::array<uint8_t, 17> frame{0, 0, 8, NGHTTP2_GOAWAY};
  const int32_t last = nghttp2_session_get_last_proc_stream_id(native_);
  putNumber(&frame[9], role_ == Role::kServer ? static_cast<uint32_t>(std::max(last, 0)) : 0);
  putNumber(&frame[13], code);
  output_.output().append({reinterpret_cast<const char*>(frame.data()), frame.size()});
  goaway_error_sent_ = true;
  services_.cells.goaways_sent.add();
}

void Session::flush() {
  if (!above_high_) {
    pull(true);
    if (full_) schedule();
  }
  if (pulled_) {
    pulled_ = false;
    output_.outputReady(false);
  }
  armStallTimer();
}

void Session::aboveHighWatermark() {
  above_high_ = true;
  for (Stream* stream = all_.front(); stream != nullptr; stream = all_.next(*stream)) {
    if (stream->out.waiting.size() > kSendLowBytes) tellLater(*stream);
  }
  schedule();
}

void Session::belowLowWatermark() {
  above_high_ = false;
  schedule();
}

void Session::submitReset(Stream& stream, uint32_t code) {
  dropWaiting(stream);
  if (dead_) return;
  if (stream.id == 0 || stream.closed) return closeUnsent(stream);
  stream.reset_sent = true;
  nghttp2_submit_rst_stream(native_, NGHTTP2_FLAG_NONE, stream.id, code);
  schedule();
}

void Session::submitPing(const char (&payload)[9]) {
  uint8_t bytes[8];
  std::memcpy(bytes, payload, sizeof(bytes));
  nghttp2_submit_ping(native_, NGHTTP2_FLAG_NONE, bytes);
}

void Session::setPriority(int32_t stream_id, const Priority& priority) {
  const nghttp2_extpri value{priority.urgency, priority.incremental ? 1 : 0};
  nghttp2_session_change_extpri_stream_priority(native_, stream_id, &value, 0);
}

}  // namespace weir::http::http2
