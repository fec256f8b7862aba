#include "source/upstream/http1_connection.h"

#include <chrono>
#include <utility>

namespace weir::upstream {

Http1Connection::Http1Connection(Http1ConnectionOwner& owner, ConnectionSlot slot,
                                 const network::TransportTarget& target)
    : owner_(&owner),
      slot_(std::move(slot)),
      cells_(owner.cluster().cells()),
      transport_(&owner.cluster().transport()),
      idle_timer_(owner.cluster().io().dispatcher().wheel(),
                  event::wheelCallback<&Http1Connection::onIdleTimeout>, this) {
  connect_started_ = owner.cluster().io().dispatcher().preciseNow();
  connection_ = owner.cluster().connect(owner.endpoint(), target);
  connection_->setHandler(*this);
}

Http1Connection::~Http1Connection() = default;

void Http1Connection::startExchange(PoolRequest& request) {
  idle_timer_.cancel();
  codec_ = owner_->takeCodec();
  codec_->attach(wire_, wire_);
  request_ = &request;
  state_ = State::kBusy;
  complete_ = false;
  const bool reused = exchanges_++ > 0;
  http::RequestEncoder& encoder = codec_->newStream(request.responseDecoder());
  request.onPoolReady({encoder, reused, codec_->version()});
}

void Http1Connection::armIdleTimer() {
  const auto timeout = owner_->cluster().config().idle_timeout;
  if (timeout.count() > 0) idle_timer_.arm(timeout);
}

void Http1Connection::onIdleTimeout() {
  if (state_ == State::kIdle) close();
}

void Http1Connection::onConnected() {
  if (state_ != State::kConnecting) return;
  const auto took = connection_->io().dispatcher().preciseNow() - connect_started_;
  cells_.connect_us->record(
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  state_ = State::kIdle;
  owner_->onConnectionUp(*this);
}

void Http1Connection::onData(buffer::Buffer& data, bool end_stream) {
  // An idle peer has nothing to say: it is leaving, or its bytes belong to no request.
  if (state_ != State::kBusy) return close();
  dispatching_ = true;
  const http::StreamError error = codec_->dispatch(data, end_stream);
  dispatching_ = false;
  if (state_ == State::kClosed) return;
  if (error.reason != http::ErrorReason::kNone) {
    request_ = nullptr;  // the codec told it
    return close();
  }
  if (complete_) return finishExchange();
  if (request_ != nullptr) request_->onReadDone();
}

void Http1Connection::onExchangeComplete() {
  request_ = nullptr;
  complete_ = true;
  // During dispatch the codec is not done with its input yet.
  if (!dispatching_) finishExchange();
}

void Http1Connection::finishExchange() {
  countBytes();
  const bool keep = mayBeKept();
  codec_->detach();
  owner_->returnCodec(std::move(codec_));
  if (!keep) return close();
  state_ = State::kIdle;
  owner_->onConnectionFree(*this);
}

bool Http1Connection::mayBeKept() const {
  const uint32_t limit = owner_->cluster().config().max_requests_per_connection;
  return codec_->reusable() && connection_->open() && !connection_->remoteEnded() &&
         connection_->input().empty() && (limit == 0 || exchanges_ < limit) && !outdated();
}

void Http1Connection::onAboveHighWatermark() {
  if (request_ != nullptr) request_->responseDecoder().onRequestBlocked(true);
}

void Http1Connection::onBelowLowWatermark() {
  if (request_ != nullptr) request_->responseDecoder().onRequestBlocked(false);
}

void Http1Connection::close() {
  if (state_ == State::kClosed) return;
  const State before = state_;
  connection_->close(network::CloseMode::kNow);
  leave();
  if (before == State::kConnecting) return owner_->onConnectFailed(*this, false);
  owner_->onConnectionGone(*this, before == State::kIdle);
}

void Http1Connection::abandon() {
  const std::unique_ptr<Http1Connection> self(this);
  unlink();
  connection_->close(network::CloseMode::kNow);
  if (state_ != State::kClosed) leave();
}

// Gives back what it counts for; the descriptor is closed.
void Http1Connection::leave() {
  state_ = State::kClosed;
  request_ = nullptr;
  idle_timer_.cancel();
  countBytes();
  slot_.release();
}

void Http1Connection::countBytes() {
  const uint64_t sent = connection_->bytesSent();
  const uint64_t received = connection_->bytesReceived();
  cells_.bytes_sent->add(sent - std::exchange(counted_sent_, sent));
  cells_.bytes_received->add(received - std::exchange(counted_received_, received));
}

void Http1Connection::onClose(network::CloseReason reason) {
  const State before = state_;
  PoolRequest* const request = request_;
  const bool unsent = connection_->bytesSent() == counted_sent_;
  const bool unanswered = connection_->bytesReceived() == counted_received_;
  if (state_ != State::kClosed) leave();
  if (codec_ != nullptr) {
    codec_->detach();
    owner_->returnCodec(std::move(codec_));
  }
  Http1ConnectionOwner& owner = *owner_;
  owner_ = nullptr;
  connection_->io().dispatcher().deferDelete(std::unique_ptr<event::DeferredDeletable>(this));
  switch (before) {
    case State::kConnecting: {
      const bool timed_out = reason == network::CloseReason::kConnectTimeout;
      (timed_out ? cells_.connect_timeouts : cells_.connect_failures)->add();
      owner.onConnectFailed(*this, timed_out);
      break;
    }
    case State::kIdle:
    case State::kBusy:
      owner.onConnectionGone(*this, before == State::kIdle);
      break;
    case State::kClosed:
      break;
  }
  unlink();
  if (request == nullptr) return;
  const bool orderly = reason == network::CloseReason::kRemote;
  request->responseDecoder().onReset(
      {http::ErrorOrigin::kUpstream,
       orderly ? http::ErrorReason::kConnectionClosed : http::ErrorReason::kConnectionReset, unsent,
       orderly ? "upstream_closed" : "upstream_connection_reset", unanswered});
}

}  // namespace weir::upstream
