#include "source/upstream/http1_side.h"

#include <utility>

namespace weir::upstream {

void Http1Side::start(PoolRequest& request, bool reused) {
  ConnectionOwner& owner = connection_.owner();
  codec_ = owner.http1Codecs().take(owner.cluster().config().limits);
  codec_->attach(*this, *this);
  request_ = &request;
  complete_ = false;
  http::RequestEncoder& encoder = codec_->newStream(request.responseDecoder());
  request.onPoolReady({encoder, reused, codec_->version()});
}

void Http1Side::onData(buffer::Buffer& data, bool end_stream) {
  // An idle peer has nothing to say: it is leaving, or its bytes belong to no request.
  if (codec_ == nullptr) return connection_.close();
  dispatching_ = true;
  const http::StreamError error = codec_->dispatch(data, end_stream);
  dispatching_ = false;
  if (!connection_.open()) return;
  if (error.reason != http::ErrorReason::kNone) return connection_.close();  // the codec told it
  if (complete_) return finishExchange();
  if (request_ != nullptr) request_->onReadDone();
}

void Http1Side::onExchangeComplete() {
  request_ = nullptr;
  complete_ = true;
  // During dispatch the codec is not done with its input yet.
  if (!dispatching_) finishExchange();
}

void Http1Side::finishExchange() {
  const network::Connection& connection = connection_.connection();
  const bool keep = codec_->reusable() && connection.open() && !connection.remoteEnded() &&
                    connection_.connection().input().empty();
  returnCodec();
  if (!keep) return connection_.close();
  connection_.changed();
}

void Http1Side::returnCodec() {
  if (codec_ == nullptr) return;
  codec_->detach();
  connection_.owner().http1Codecs().give(std::move(codec_));
}

void Http1Side::closeConnection() {
  request_ = nullptr;
  connection_.connection().close(network::CloseMode::kNow);
}

// The request lets go of the connection while that is still there.
void Http1Side::breakOff(const http::StreamError& error) {
  PoolRequest* const request = std::exchange(request_, nullptr);
  http::StreamError told = error;
  told.unanswered = connection_.unanswered();
  returnCodec();
  if (request != nullptr) request->responseDecoder().onReset(told);
  connection_.close();
}

void Http1Side::onAboveHighWatermark() {
  if (request_ != nullptr) request_->responseDecoder().onRequestBlocked(true);
}

void Http1Side::onBelowLowWatermark() {
  if (request_ != nullptr) request_->responseDecoder().onRequestBlocked(false);
}

void Http1Side::onClose(network::CloseReason reason) {
  PoolRequest* const request = std::exchange(request_, nullptr);
  const bool unsent = connection_.unsent();
  const bool unanswered = connection_.unanswered();
  returnCodec();
  connection_.closed(/*broken=*/true);
  if (request == nullptr) return;
  const bool orderly = reason == network::CloseReason::kRemote;
  request->responseDecoder().onReset(
      {http::ErrorOrigin::kUpstream,
       orderly ? http::ErrorReason::kConnectionClosed : http::ErrorReason::kConnectionReset, unsent,
       orderly ? "upstream_closed" : "upstream_connection_reset", unanswered});
}

}  // namespace weir::upstream
