#include "source/upstream/http2_side.h"

#include <utility>

namespace weir::upstream {

namespace {

using http::ErrorOrigin;
using http::ErrorReason;

std::unique_ptr<http::http2::Http2ClientCodec> makeCodec(WorkerCluster& cluster,
                                                         const ClusterConfig& config,
                                                         http::CodecOutput& output,
                                                         http::http2::ClientCallbacks& callbacks) {
  const http::http2::CodecServices services{
      cluster.io().dispatcher(), cluster.io().blocks(), cluster.random(),
      cluster.http2Cells(),      config.limits,         config.http2};
  return http::http2::createClientCodec(services, output, callbacks);
}

}  // namespace

Http2Side::Http2Side(PooledConnection& connection)
    : connection_(connection),
      config_(connection.owner().cluster().sharedConfig()),
      codec_(makeCodec(connection.owner().cluster(), *config_, wire_, *this)) {}

void Http2Side::start(PoolRequest& request, bool reused) {
  http::RequestEncoder& encoder = codec_->newStream(request.responseDecoder());
  request.onPoolReady({encoder, reused, codec_->version()});
}

void Http2Side::onData(buffer::Buffer& data, bool end_stream) {
  if (ended_) return data.clear();
  dispatching_ = true;
  http::StreamError error = codec_->dispatch(data, end_stream);
  dispatching_ = false;
  if (!connection_.open()) return;
  if (error.reason == ErrorReason::kNone && end_stream) {
    if (!connection_.up()) return connection_.turnedAway("upstream_closed");
    error = {ErrorOrigin::kUpstream, ErrorReason::kConnectionClosed, false, "upstream_closed"};
  }
  if (error.reason != ErrorReason::kNone) {
    const bool broken = codec_->openStreams() > 0;
    codec_->connectionLost(error);  // those that were not told
    return end(broken);
  }
  if (!connection_.up()) return becomeReady();
  if (std::exchange(changed_, false)) connection_.changed();
}

// A limit of no streams is like any other (RFC 9113 6.5.2): it may be raised in the time that there
// is to connect.
void Http2Side::becomeReady() {
  changed_ = false;
  if (!codec_->settled()) return;
  if (codec_->freeStreams() > 0) return connection_.becomeReady();
  if (codec_->goingAway()) connection_.turnedAway("upstream_takes_no_streams");
}

void Http2Side::onStreamEnded() {
  onCapacityChanged();
}

void Http2Side::onCapacityChanged() {
  if (dispatching_) {
    changed_ = true;
  } else if (!ended_) {
    connection_.changed();
  }
}

void Http2Side::onStreamsLeftOut(uint32_t taken) {
  if (connection_.open()) connection_.owner().onRequestsLeftOut(taken);
}

// Streams have been told.
void Http2Side::onConnectionError(const http::StreamError&) {
  end(/*broken=*/true);
}

// What the codec has to say is in the output.
void Http2Side::end(bool broken) {
  if (std::exchange(ended_, true)) return;
  if (connection_.up()) return connection_.close(broken);
  connection_.fail(PoolFailure::kConnectFailed, "upstream_does_not_speak_http2");
}

void Http2Side::abort() {
  ended_ = true;
  network().close(network::CloseMode::kNow);
}

void Http2Side::closeConnection() {
  if (ended_) return network().close(network::CloseMode::kFlushNoLinger);
  ended_ = true;
  codec_->drain();  // writes at the end of the turn
  network().io().dispatcher().atTurnEnd(*this);
}

// It is closed first: those who are told may want another.
void Http2Side::breakOff(const http::StreamError& error) {
  connection_.close();
  codec_->connectionLost(error);
}

void Http2Side::onTurnEnd() {
  network().close(network::CloseMode::kFlushNoLinger);
}

void Http2Side::onClose(network::CloseReason reason) {
  const bool orderly = reason == network::CloseReason::kRemote;
  const bool announced = ended_ || codec_->goingAway();
  ended_ = true;
  connection_.closed(/*broken=*/!announced);
  codec_->connectionLost({ErrorOrigin::kUpstream,
                          orderly ? ErrorReason::kConnectionClosed : ErrorReason::kConnectionReset,
                          false, orderly ? "upstream_closed" : "upstream_connection_reset"});
}

}  // namespace weir::upstream
