#include "source/upstream/endpoint_connection.h"

#include <chrono>
#include <utility>

#include "source/upstream/connection_slot.h"
#include "source/upstream/spare_connections.h"
#include "source/upstream/traffic_observations.h"

namespace weir::upstream {
namespace {

// The network connection with all it counts for. Outlives its owner's handle by what is left of the
// current callback, because that may run inside a call of the connection. Worker-confined.
class Link final : public network::ConnectionHandler,
                   public event::DeferredDeletable,
                   private event::TurnEndTask {
 public:
  Link(WorkerCluster::Choice& choice, EndpointConnection::Handler& handler)
      : cluster_(std::move(choice.cluster)),
        endpoint_(std::move(choice.endpoint)),
        request_slot_(std::move(choice.slot)),
        transport_(&cluster_->transport()),
        handler_(&handler) {
    endpoint_->join(stay_);
  }

  void connect(ConnectionSlot slot, const network::TransportTarget& target) {
    slot_ = std::move(slot);
    started_ = cluster_->io().dispatcher().preciseNow();
    connection_ = cluster_->connect(*endpoint_, target);
    connection_->setHandler(*this);
  }
  // That is up: its owner is told at the end of the turn.
  void adopt(SpareConnections::Taken spare) {
    slot_ = std::move(spare.slot);
    transport_ = std::move(spare.transport);
    connection_ = std::move(spare.connection);
    connection_->setHandler(*this);
    counted_sent_ = connection_->bytesSent();
    cluster_->io().dispatcher().atTurnEnd(*this);
  }
  // The owner goes; it is not called any more.
  void abandon() {
    handler_ = nullptr;
    connection_->close(network::CloseMode::kNow);
    leave();
  }
  void countBytes();
  std::string_view brokenOff() const { return broken_off_; }

  network::Connection& connection() { return *connection_; }
  WorkerEndpoint& endpoint() { return *endpoint_; }
  WorkerCluster& cluster() { return *cluster_; }

 private:
  void onTurnEnd() override;
  void onConnected() override;
  void onData(buffer::Buffer& data, bool end_stream) override;
  void onReadResumed() override;
  void onAboveHighWatermark() override;
  void onBelowLowWatermark() override;
  void onClose(network::CloseReason reason) override;

  // Its place among those of the endpoint. Worker-confined.
  class Stay final : public EndpointSession {
   public:
    explicit Stay(Link& link) : link_(link) {}
    void onBrokenOff(std::string_view reason) override {
      link_.broken_off_ = reason;
      link_.connection_->close(network::CloseMode::kReset);
    }

   private:
    Link& link_;
  };

  void countEnd(network::CloseReason reason);
  void report(event::MonotonicTime::duration took, bool success);
  void leave();

  // In this order: the connection goes first, the cluster last.
  base::LocalRef<WorkerCluster> cluster_;
  base::LocalRef<WorkerEndpoint> endpoint_;
  Stay stay_{*this};
  RequestSlot request_slot_;
  base::LocalRef<BoundTransport> transport_;
  ConnectionSlot slot_;
  std::unique_ptr<network::Connection> connection_;
  EndpointConnection::Handler* handler_;  // null: the owner is gone
  event::MonotonicTime started_;
  uint64_t counted_sent_ = 0;  // in the cells
  uint64_t counted_received_ = 0;
  std::string_view broken_off_;
  bool up_ = false;
  bool left_ = false;
};

void Link::onTurnEnd() {
  if (handler_ == nullptr || !connection_->open()) return;
  up_ = true;
  observeSession(*endpoint_);
  handler_->onConnected();
  if (connection_->open()) connection_->setReadEnabled(true);
}

void Link::onConnected() {
  up_ = true;
  const auto took = cluster_->io().dispatcher().preciseNow() - started_;
  cluster_->cells().connect_us->record(
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  observeConnected(*endpoint_);
  if (handler_ == nullptr) return;
  observeSession(*endpoint_);
  report(took, true);
  handler_->onConnected();
}

// For balancers that learn from traffic.
void Link::report(event::MonotonicTime::duration took, bool success) {
  if (endpoint_->index() == WorkerEndpoint::kRemoved) return;
  cluster_->balancer().onResponse(endpoint_->index(),
                                  std::chrono::duration_cast<std::chrono::microseconds>(took),
                                  success, cluster_->io().dispatcher().now());
}

void Link::onData(buffer::Buffer& data, bool end_stream) {
  countBytes();
  if (handler_ != nullptr) return handler_->onData(data, end_stream);
  data.clear();
}

void Link::onReadResumed() {
  if (handler_ != nullptr) handler_->onReadResumed();
}

void Link::onAboveHighWatermark() {
  if (handler_ != nullptr) handler_->onAboveHighWatermark();
}

void Link::onBelowLowWatermark() {
  countBytes();
  if (handler_ != nullptr) handler_->onBelowLowWatermark();
}

void Link::onClose(network::CloseReason reason) {
  if (handler_ != nullptr) countEnd(reason);
  leave();
  if (handler_ != nullptr) handler_->onClose(reason);
}

void Link::countEnd(network::CloseReason reason) {
  WorkerCluster::Cells& cells = cluster_->cells();
  EndpointUsage::Cells& own = endpoint_->stats();
  if (!up_ && reason != network::CloseReason::kLocal) {
    observeConnectFailure(*endpoint_,
                          {.timed_out = reason == network::CloseReason::kConnectTimeout,
                           .error = connection_->lastError(),
                           .took = cluster_->io().dispatcher().preciseNow() - started_});
    report({}, false);
  }
  switch (reason) {
    case network::CloseReason::kLocal:
      return;
    case network::CloseReason::kRemote:
      if (up_) return;
      break;
    case network::CloseReason::kReset:
    case network::CloseReason::kTransportError:
      if (!up_) break;
      own.resets.add();
      return cells.resets->add();
    case network::CloseReason::kConnectTimeout:
      own.connect_failures.add();
      return cells.connect_timeouts->add();
    case network::CloseReason::kConnectFailed:
      break;
  }
  own.connect_failures.add();
  cells.connect_failures->add();
}

// Gives back what it counts for.
void Link::leave() {
  if (std::exchange(left_, true)) return;
  stay_.unlink();
  countBytes();
  slot_.release();
  request_slot_.release();
}

void Link::countBytes() {
  WorkerCluster::Cells& cells = cluster_->cells();
  const uint64_t sent = connection_->bytesSent();
  const uint64_t received = connection_->bytesReceived();
  cells.bytes_sent->add(sent - std::exchange(counted_sent_, sent));
  cells.bytes_received->add(received - std::exchange(counted_received_, received));
}

// What the owner holds. Worker-confined.
class LinkHandle final : public EndpointConnection {
 public:
  explicit LinkHandle(std::unique_ptr<Link> link) : link_(std::move(link)) {}
  ~LinkHandle() override {
    event::Dispatcher& dispatcher = link_->cluster().io().dispatcher();
    link_->abandon();
    dispatcher.deferDelete(std::move(link_));
  }

  network::Connection& connection() override { return link_->connection(); }
  WorkerEndpoint& endpoint() override { return link_->endpoint(); }
  WorkerCluster& cluster() override { return link_->cluster(); }
  void countBytes() override { link_->countBytes(); }
  std::string_view brokenOff() const override { return link_->brokenOff(); }

 private:
  std::unique_ptr<Link> link_;
};

}  // namespace

std::unique_ptr<EndpointConnection> EndpointConnection::open(WorkerCluster::Choice& choice,
                                                             const network::TransportTarget& target,
                                                             Handler& handler) {
  WorkerCluster& cluster = *choice.cluster;
  WorkerEndpoint& endpoint = *choice.endpoint;
  // What is connected for nobody in particular does where it does not matter for whom.
  const uint32_t spares = cluster.transport().keyed() ? 0 : cluster.config().connections.preconnect;
  SpareConnections::Taken spare;
  ConnectionSlot slot;
  if (spares > 0) spare = endpoint.spares().take();
  if (spare.connection == nullptr) {
    slot = ConnectionSlot::takeOrMakeRoom(cluster, endpoint);
    if (!slot) return nullptr;
  }
  auto link = std::make_unique<Link>(choice, handler);
  if (spare.connection != nullptr) {
    link->adopt(std::move(spare));
  } else {
    link->connect(std::move(slot), target);
  }
  if (spares > 0) endpoint.spares().topUp(spares);
  return std::make_unique<LinkHandle>(std::move(link));
}

}  // namespace weir::upstream
