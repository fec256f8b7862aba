#include "source/http/connection_manager_filter.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "source/http/http1_session.h"
#include "source/http/http2_session.h"

namespace weir::http {

using network::CloseMode;
using network::Verdict;

ConnectionManager::ConnectionManager(base::LocalRef<ConnectionManagerWorker> worker)
    : worker_(std::move(worker)),
      timer_(worker_->dispatcher().wheel(), event::wheelCallback<&ConnectionManager::onTimeout>,
             this) {}

ConnectionManager::~ConnectionManager() = default;

void ConnectionManager::onNewConnection(network::NetworkFilterChain& chain) {
  NetworkFilter::onNewConnection(chain);
  worker_->cells().active_connections.add();
  armIdle();
}

Verdict ConnectionManager::onData(buffer::Buffer& data, bool end_stream) {
  if (session_ == nullptr && !beginSession(data, end_stream)) return Verdict::kPause;
  session_->onData(data, end_stream);
  if (session_ != nullptr && session_->inHead()) watchHead();
  return Verdict::kPause;
}

// False: not yet, or the connection is closed.
bool ConnectionManager::beginSession(buffer::Buffer& data, bool end_stream) {
  network::Connection& connection = chain().connection();
  if (data.empty()) {
    if (end_stream) connection.close(CloseMode::kFlushNoLinger);
    return false;
  }
  // Who does not read the answers is not asked for more requests.
  if (connection.aboveHighWatermark() && !end_stream) {
    connection.setReadEnabled(false);
    return false;
  }
  followConfiguration();
  const Wire wire = http1_ ? Wire::kHttp1 : detect(data);
  if (wire == Wire::kWait && !end_stream) {
    watchHead();
    return false;
  }
  http1_ = wire != Wire::kHttp2;
  if (http1_) {
    Http1Session& session = worker_->acquireSession();
    session_ = &session;
    session.attach(*this, draining_);
  } else {
    onHeadComplete();
    armIdle();
    // Destroys itself when the connection is closed.
    session_ = std::make_unique<Http2Session>(*this, draining_).release();
  }
  return true;
}

// By ALPN on TLS; on plain connections a client that knows begins with the preface (RFC 9113 3.3).
ConnectionManager::Wire ConnectionManager::detect(buffer::Buffer& data) {
  if (!worker_->config().allow_http2) return Wire::kHttp1;
  network::TransportSocket& transport = chain().connection().transport();
  if (transport.security() != nullptr) {
    return transport.applicationProtocol() == "h2" ? Wire::kHttp2 : Wire::kHttp1;
  }
  const size_t size = std::min(data.size(), http2::kPreface.size());
  if (data.linearize(size).substr(0, size) != http2::kPreface.substr(0, size)) return Wire::kHttp1;
  return size == http2::kPreface.size() ? Wire::kHttp2 : Wire::kWait;
}

ConnectionManagerWorker& ConnectionManager::newestWorker() {
  followConfiguration();
  return *worker_;
}

// Living connections take up new routes and filters with their next request.
void ConnectionManager::followConfiguration() {
  network::WorkerFilterChain& newest = chain().bound().newest();
  if (&newest == &chain().bound()) return;
  const size_t index = chain().indexOf(*this);
  if (index >= newest.filterCount()) return;
  auto* factory = dynamic_cast<BoundConnectionManager*>(&newest.filter(index));
  if (factory == nullptr) return;
  if (factory->worker().get() != worker_.get()) {
    worker_->cells().active_connections.sub();
    worker_ = factory->worker();
    worker_->cells().active_connections.add();
  }
  // Filters before this one may still use what the old chain bound for them.
  if (index == 0) chain().rebind(newest);
}

// From the first byte of the head, whatever else comes of it.
void ConnectionManager::watchHead() {
  const auto timeout = worker_->config().timeouts.request_head;
  if (head_waiting_ || timeout.count() == 0) return;
  head_waiting_ = true;
  timer_.arm(timeout);
}

void ConnectionManager::armIdle() {
  const auto timeout = worker_->config().timeouts.idle;
  timeout.count() > 0 ? timer_.arm(timeout) : timer_.cancel();
}

void ConnectionManager::onTimeout() {
  if (!chain().connection().open()) return;
  if (head_waiting_) {
    worker_->cells().head_timeouts.add();
    // Of a preface that never came whole there is nobody to answer.
    session_ != nullptr ? session_->onHeadTimeout() : chain().connection().close(CloseMode::kNow);
    return;
  }
  worker_->cells().idle_timeouts.add();
  session_ != nullptr ? session_->onIdleTimeout()
                      : chain().connection().close(CloseMode::kFlushNoLinger);
}

void ConnectionManager::onSessionReleased(bool served) {
  session_ = nullptr;
  head_waiting_ = false;
  network::Connection& connection = chain().connection();
  if (!connection.open()) return timer_.cancel();
  if (draining_) return connection.close(CloseMode::kFlushNoLinger);
  if (served) armIdle();
}

void ConnectionManager::onAboveHighWatermark() {
  if (session_ != nullptr) session_->onBlocked(true);
}

void ConnectionManager::onBelowLowWatermark() {
  if (session_ != nullptr) return session_->onBlocked(false);
  chain().connection().setReadEnabled(true);
}

void ConnectionManager::onDrain() {
  draining_ = true;
  if (session_ != nullptr) return session_->drain();
  chain().connection().close(CloseMode::kFlushNoLinger);
}

void ConnectionManager::onClose(network::CloseReason reason) {
  timer_.cancel();
  worker_->cells().active_connections.sub();
  if (session_ != nullptr) session_->onClose(reason != network::CloseReason::kLocal);
}

}  // namespace weir::http
