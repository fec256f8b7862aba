#include "source/http/connection_manager_filter.h"

#include <utility>

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
  network::Connection& connection = chain().connection();
  if (session_ == nullptr) {
    if (data.empty()) {
      if (end_stream) connection.close(CloseMode::kFlushNoLinger);
      return Verdict::kPause;
    }
    // Who does not read the answers is not asked for more requests.
    if (connection.aboveHighWatermark() && !end_stream) {
      connection.setReadEnabled(false);
      return Verdict::kPause;
    }
    followConfiguration();
    session_ = &worker_->acquireSession();
    session_->attach(*this, draining_);
  }
  session_->onData(data, end_stream);
  if (session_ != nullptr && session_->inHead()) watchHead();
  return Verdict::kPause;
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
  if (session_ == nullptr) {
    worker_->cells().idle_timeouts.add();
    chain().connection().close(CloseMode::kFlushNoLinger);
  } else if (head_waiting_) {
    worker_->cells().head_timeouts.add();
    session_->onHeadTimeout();
  }
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
