#include "source/http/http2/client_codec.h"

#include <algorithm>
#include <memory>

namespace weir::http::http2 {

std::unique_ptr<Http2ClientCodec> createClientCodec(const CodecServices& services,
                                                    CodecOutput& output,
                                                    ClientCallbacks& callbacks) {
  return std::make_unique<NghttpClientCodec>(services, output, callbacks);
}

RequestEncoder& NghttpClientCodec::newStream(ResponseDecoder& decoder) {
  return *new OutgoingStream(*this, decoder);  // on the session's list
}

// The owner may begin streams when it hears of room for them: not from within nghttp2.
StreamError NghttpClientCodec::dispatch(buffer::Buffer& data, bool end_stream) {
  const StreamError error = receive(data, end_stream);
  if (capacity_changed_ && error.reason == ErrorReason::kNone) {
    capacity_changed_ = false;
    callbacks_.onCapacityChanged();
  }
  return error;
}

uint32_t NghttpClientCodec::freeStreams() const {
  if (goingAway()) return 0;
  const uint32_t peer = settled_ ? nghttp2_session_get_remote_settings(
                                       native(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
                                 : kStreamsBeforeSettings;
  const uint32_t most = std::min(peer, services().options.max_concurrent_streams);
  // Streams that were given up count until the peer is told.
  const uint32_t used = std::max(openStreams(), activeStreams());
  return most > used ? most - used : 0;
}

bool NghttpClientCodec::extendedConnect() const {
  return settled_ && nghttp2_session_get_remote_settings(
                         native(), NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

void NghttpClientCodec::onGoaway(int32_t last_stream) {
  going_away_ = capacity_changed_ = true;
  const auto last = static_cast<uint32_t>(last_stream);
  const uint32_t next = nghttp2_session_get_next_stream_id(native());
  if (last + 2 < next) callbacks_.onStreamsLeftOut((last + 1) / 2);
}

bool NghttpClientCodec::idsUsedUp() const {
  return nghttp2_session_get_next_stream_id(native()) >= kLastStreamId;
}

void NghttpClientCodec::drain() {
  going_away_ = true;
  if (goaway_submitted_ || dead()) return;
  goaway_submitted_ = true;
  nghttp2_submit_goaway(native(), NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, nullptr, 0);
  schedule();
}

}  // namespace weir::http::http2
