#include "source/http/http1_session.h"

#include "source/http/connection_manager_filter.h"
#include "source/http/server_stream.h"

namespace weir::http {

using network::CloseMode;

Http1Session::Http1Session(ConnectionManagerWorker& worker)
    : HttpSession(worker.blocks()),
      worker_(worker),
      codec_(http1::createServerCodec(worker.config().limits)) {}

Http1Session::~Http1Session() = default;

void Http1Session::attach(ConnectionManager& manager, bool draining) {
  manager_ = &manager;
  served_ = client_done_ = answered_ = false;
  codec_->attach(*this, *this);
  if (draining) codec_->drain();
}

void Http1Session::onData(buffer::Buffer& data, bool end_stream) {
  dispatching_ = true;
  const StreamError error = codec_->dispatch(data, end_stream);
  dispatching_ = false;
  network::Connection& connection = manager_->connection();
  if (error.reason != ErrorReason::kNone && connection.open()) {
    onError(error);
  } else if (end_stream && connection.open()) {
    onClientEnd();
  }
  if (idle() || !connection.open()) release();
}

// The stream, if there was one, has been told.
void Http1Session::onError(const StreamError& error) {
  network::Connection& connection = manager_->connection();
  const bool client_gone = error.reason == ErrorReason::kConnectionClosed;
  if (!client_gone) worker_.cells().protocol_errors.add();
  if (client_gone || answered_) return connection.close(CloseMode::kNow);
  codec_->answerError(error);
  connection.close(CloseMode::kFlush);
}

// Nothing more comes from the client. Before its answer is complete that is taken for its leaving;
// only a tunnel may be half closed.
void Http1Session::onClientEnd() {
  ServerStream* stream = streams_.front();
  if (stream == nullptr) return manager_->connection().close(CloseMode::kFlushNoLinger);
  if (!stream->requestComplete() || stream->tunnel()) return;
  stream->connectionLost(/*by_client=*/true);
  manager_->connection().close(CloseMode::kNow);
}

void Http1Session::onClose(bool by_client) {
  while (ServerStream* stream = streams_.front()) stream->connectionLost(by_client);
  release();
}

void Http1Session::onBlocked(bool blocked) {
  blocked ? codec_->onAboveHighWatermark() : codec_->onBelowLowWatermark();
}

bool Http1Session::inHead() {
  ServerStream* stream = streams_.front();
  return stream != nullptr && !stream->headComplete();
}

void Http1Session::onHeadTimeout() {
  if (inHead()) streams_.front()->onHeadTimeout();
}

void Http1Session::headCompleted() {
  manager_->onHeadComplete();
}

RequestDecoder& Http1Session::newStream(ResponseEncoder& encoder) {
  ServerStream& stream = worker_.acquireStream();
  streams_.pushBack(stream);
  answered_ = false;
  served_ = true;
  stream.begin(*this, encoder);
  const uint32_t limit = worker_.config().max_requests_per_connection;
  if (limit != 0 && manager_->countRequest() >= limit) encoder.closeAfterResponse();
  return stream;
}

void Http1Session::onStreamComplete(RequestDecoder& decoder) {
  auto& stream = static_cast<ServerStream&>(decoder);
  client_done_ = stream.lastOfClient() && stream.requestComplete();
  stream.complete();
  network::Connection& connection = manager_->connection();
  if (codec_->closing() && connection.open()) {
    // Whoever may still be sending must be able to read the answer before the connection breaks.
    const bool quiet = client_done_ || connection.remoteEnded();
    connection.close(quiet ? CloseMode::kFlushNoLinger : CloseMode::kFlush);
  }
  if (dispatching_) return;
  // A pipelined request may wait in the input; it comes back on a callback of its own.
  if (connection.open()) connection.setReadEnabled(true);
  if (idle() || !connection.open()) release();
}

void Http1Session::streamEnded(ServerStream& stream) {
  stream.unlink();
}

void Http1Session::afterReset() {
  if (!dispatching_ && streams_.empty()) release();
}

void Http1Session::release() {
  ConnectionManager* manager = manager_;
  if (manager == nullptr || !streams_.empty()) return;
  manager_ = nullptr;
  codec_->detach();
  composed_.clear();
  worker_.releaseSession(*this);
  manager->onSessionReleased(served_);
}

network::Connection* Http1Session::rawConnection() {
  network::Connection& connection = manager_->connection();
  const bool raw =
      manager_->networkChain().writesDirectly(*manager_) && connection.transport().bytesAreRaw();
  return raw ? &connection : nullptr;
}

}  // namespace weir::http
