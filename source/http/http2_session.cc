#include "source/http/http2_session.h"

#include <utility>

#include "source/http/connection_manager_filter.h"
#include "source/http/server_stream.h"

namespace weir::http {

using network::CloseMode;

Http2Session::Http2Session(ConnectionManager& manager, bool draining)
    : HttpSession(manager.worker().blocks()), worker_(&manager.worker()) {
  manager_ = &manager;
  ConnectionManagerWorker& worker = *worker_;
  codec_ = http2::createServerCodec({.dispatcher = worker.dispatcher(),
                                     .blocks = worker.blocks(),
                                     .random = worker.random(),
                                     .cells = worker.cells().http2,
                                     .limits = worker.config().limits,
                                     .options = worker.config().http2},
                                    *this, *this);
  if (draining) codec_->drain();
}

Http2Session::~Http2Session() = default;

void Http2Session::onData(buffer::Buffer& data, bool end_stream) {
  const StreamError error = codec_->dispatch(data, end_stream);
  network::Connection& connection = manager_->connection();
  if (!connection.open()) return;
  if (error.reason != ErrorReason::kNone) return onConnectionError(error);
  if (!end_stream) return;
  // The client is gone: there is no half-closed HTTP/2 connection.
  const bool idle = streams_.empty();
  endStreams(/*by_client=*/true);
  connection.close(idle ? CloseMode::kFlushNoLinger : CloseMode::kNow);
}

// GOAWAY is written, the streams have been told.
void Http2Session::onConnectionError(const StreamError& error) {
  const bool client_gone = error.reason == ErrorReason::kConnectionClosed;
  if (error.reason == ErrorReason::kProtocol) worker_->cells().protocol_errors.add();
  endStreams(client_gone);
  manager_->connection().close(client_gone ? CloseMode::kNow : CloseMode::kFlush);
}

void Http2Session::onDrained() {
  manager_->connection().close(CloseMode::kFlush);
}

void Http2Session::endStreams(bool by_client) {
  while (ServerStream* stream = streams_.front()) stream->connectionLost(by_client);
}

void Http2Session::onClose(bool by_client) {
  endStreams(by_client);
  codec_.reset();
  manager_->dispatcher().deferDelete(std::unique_ptr<event::DeferredDeletable>(this));
  std::exchange(manager_, nullptr)->onSessionReleased(/*served=*/false);
}

void Http2Session::onBlocked(bool blocked) {
  blocked ? codec_->onAboveHighWatermark() : codec_->onBelowLowWatermark();
}

RequestDecoder& Http2Session::newStream(ResponseEncoder& encoder) {
  // New routes and filters, if there are.
  ConnectionManagerWorker& worker = manager_->newestWorker();
  if (streams_.empty()) manager_->onSessionBusy();
  ServerStream& stream = worker.acquireStream();
  streams_.pushBack(stream);
  stream.begin(*this, encoder);
  const uint32_t limit = worker.config().max_requests_per_connection;
  if (limit != 0 && manager_->countRequest() >= limit) encoder.closeAfterResponse();
  return stream;
}

void Http2Session::onStreamComplete(RequestDecoder& decoder) {
  static_cast<ServerStream&>(decoder).complete();
}

void Http2Session::streamEnded(ServerStream& stream) {
  stream.unlink();
  if (streams_.empty()) manager_->onSessionIdle();
}

}  // namespace weir::http
