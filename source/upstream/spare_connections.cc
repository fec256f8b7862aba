#include "source/upstream/spare_connections.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "source/upstream/traffic_observations.h"

namespace weir::upstream {

// Owned by itself while it is on a list. Worker-confined.
class SpareConnections::Spare final : public network::ConnectionHandler,
                                      public event::DeferredDeletable,
                                      public base::ListNode<> {
 public:
  Spare(SpareConnections& all, ConnectionSlot slot)
      : all_(&all),
        transport_(&all.endpoint_.cluster().transport()),
        slot_(std::move(slot)),
        timer_(all.endpoint_.cluster().io().dispatcher().wheel(),
               event::wheelCallback<&Spare::onTimer>, this) {
    WorkerCluster& cluster = all.endpoint_.cluster();
    started_ = cluster.io().dispatcher().preciseNow();
    connection_ = cluster.connect(all.endpoint_, {});
    connection_->setHandler(*this);
  }

  bool up() const { return up_; }
  // It is on no list any more.
  Taken hand() {
    timer_.cancel();
    connection_->setReadEnabled(false);
    all_ = nullptr;
    return {transport_, std::move(slot_), std::move(connection_)};
  }
  // Likewise; it is to be destroyed later.
  void end() {
    timer_.cancel();
    all_ = nullptr;
    slot_.release();
    connection_->close(network::CloseMode::kNow);
  }

 private:
  void onConnected() override;
  void onData(buffer::Buffer&, bool end_stream) override {
    if (end_stream) return onTimer();
    connection_->setReadEnabled(false);
  }
  void onClose(network::CloseReason reason) override;
  void onTimer() {
    if (all_ != nullptr) all_->close(*this);
  }

  SpareConnections* all_;  // null: it has left
  const base::LocalRef<BoundTransport> transport_;
  ConnectionSlot slot_;
  event::WheelTimer timer_;
  event::MonotonicTime started_;
  bool up_ = false;
  std::unique_ptr<network::Connection> connection_;
};

void SpareConnections::Spare::onConnected() {
  if (all_ == nullptr) return;
  up_ = true;
  observeConnected(all_->endpoint_);
  WorkerCluster& cluster = all_->endpoint_.cluster();
  const auto took = cluster.io().dispatcher().preciseNow() - started_;
  cluster.cells().connect_us->record(
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  std::chrono::milliseconds timeout = cluster.config().idle_timeout;
  const std::chrono::milliseconds lifetime = cluster.config().connections.max_lifetime;
  if (lifetime.count() > 0) timeout = timeout.count() > 0 ? std::min(timeout, lifetime) : lifetime;
  if (timeout.count() > 0) timer_.arm(timeout);
  all_->onUp(*this);
}

void SpareConnections::Spare::onClose(network::CloseReason reason) {
  if (all_ == nullptr) return;
  if (!up_) {
    WorkerCluster::Cells& cells = all_->endpoint_.cluster().cells();
    const bool timed_out = reason == network::CloseReason::kConnectTimeout;
    (timed_out ? cells.connect_timeouts : cells.connect_failures)->add();
    all_->endpoint_.stats().connect_failures.add();
    observeConnectFailure(all_->endpoint_,
                          {.timed_out = timed_out,
                           .error = connection_->lastError(),
                           .took = connection_->io().dispatcher().preciseNow() - started_});
  }
  all_->close(*this);
}

SpareConnections::SpareConnections(WorkerEndpoint& endpoint) : endpoint_(endpoint) {}

SpareConnections::~SpareConnections() {
  closeAll();
}

SpareConnections::Taken SpareConnections::take() {
  Spare* const spare = up_.popFront();
  if (spare == nullptr) return {};
  --up_count_;
  std::unique_ptr<Spare> gone(spare);
  Taken taken = gone->hand();
  // Its own frames are not on the stack: it is the connection's handler no more.
  return taken;
}

void SpareConnections::topUp(uint32_t wanted) {
  WorkerCluster& cluster = endpoint_.cluster();
  if (cluster.draining() || endpoint_.draining()) return;
  while (up_count_ + connecting_count_ < wanted) {
    ConnectionSlot slot = ConnectionSlot::take(cluster, endpoint_);
    if (!slot) return;
    connecting_.pushBack(*new Spare(*this, std::move(slot)));
    ++connecting_count_;
  }
}

void SpareConnections::onUp(Spare& spare) {
  up_.pushFront(spare);
  --connecting_count_;
  ++up_count_;
  endpoint_.cluster().localRoomMade();
}

void SpareConnections::close(Spare& spare) {
  spare.unlink();
  --(spare.up() ? up_count_ : connecting_count_);
  spare.end();
  endpoint_.cluster().io().dispatcher().deferDelete(
      std::unique_ptr<event::DeferredDeletable>(&spare));
}

bool SpareConnections::closeOne() {
  if (up_.empty()) return false;
  close(*up_.back());
  return true;
}

void SpareConnections::closeAll() {
  for (base::IntrusiveList<Spare>* list : {&up_, &connecting_}) {
    while (Spare* spare = list->front()) close(*spare);
  }
}

}  // namespace weir::upstream
