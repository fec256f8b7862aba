#include "extensions/health_checkers/http/http2_companion.h"

namespace weir::extensions::health_checkers::http {

using weir::http::ErrorOrigin;
using weir::http::ErrorReason;

Http2Companion::Http2Companion(upstream::ProbeConnection& connection,
                               const weir::http::http2::CodecServices& services)
    : connection_(connection),
      codec_(weir::http::http2::createClientCodec(services, *this, *this)) {}

bool Http2Companion::dispatch(buffer::Buffer& data, bool end_stream) {
  weir::http::StreamError error = codec_->dispatch(data, end_stream);
  if (error.reason == ErrorReason::kNone && end_stream) {
    error = {ErrorOrigin::kUpstream, ErrorReason::kConnectionClosed, false,
             "the connection was closed"};
  }
  if (error.reason == ErrorReason::kNone) return true;
  codec_->connectionLost(error);
  return false;
}

void Http2Companion::closeGently() {
  connection_.dropUser();
  codec_->drain();  // writes at the end of the turn, as does what follows
  network().io().dispatcher().atTurnEnd(*this);
}

}  // namespace weir::extensions::health_checkers::http
