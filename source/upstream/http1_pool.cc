#include <algorithm>
#include <utility>
#include <vector>

#include "source/upstream/http1_connection.h"
#include "source/upstream/http_pool.h"

namespace weir::upstream {

// HTTP/1 connections to one endpoint. A request that finds no idle connection opens one; when the
// limits forbid that, it waits for any to become free, asks whoever holds idle ones to close them,
// and tries again with every tick of the retry timer, since other workers do not tell when they
// close one. Worker-confined.
class Http1Pool final : public HttpPool, public Http1ConnectionOwner {
 public:
  Http1Pool(WorkerCluster& cluster, WorkerEndpoint& endpoint, HttpPoolOwner* owner)
      : cluster_(cluster),
        endpoint_(endpoint),
        owner_(owner),
        wait_timer_(cluster.io().dispatcher().wheel(), event::wheelCallback<&Http1Pool::onWait>,
                    this) {}
  ~Http1Pool() override;

  void acquire(PoolRequest& request, bool fresh) override;
  void cancel(PoolRequest& request) override;
  void drain() override;
  void closeIdle() override;
  bool closeOneIdle() override;
  size_t idleConnections() const override { return idle_count_; }
  size_t openConnections() const override { return open_; }

  WorkerCluster& cluster() override { return cluster_; }
  WorkerEndpoint& endpoint() override { return endpoint_; }
  std::unique_ptr<http::http1::Http1ClientCodec> takeCodec() override;
  void returnCodec(std::unique_ptr<http::http1::Http1ClientCodec> codec) override;
  void onConnectionUp(Http1Connection& connection) override;
  void onConnectionFree(Http1Connection& connection) override;
  void onConnectionGone(Http1Connection& connection, bool was_idle) override;
  void onConnectFailed(Http1Connection& connection, bool timed_out) override;

 private:
  static constexpr std::chrono::milliseconds kRetryInterval{10};
  static constexpr size_t kMaxSpareCodecs = 64;

  bool open(const PoolRequest& request);
  bool atLimit() const;
  Http1Connection* takeIdle(bool fresh);
  void serve(Http1Connection& connection);
  void closeUnpooled(Http1Connection& connection);
  void tellIfUnused();
  bool enqueue(PoolRequest& request, bool has_connection);
  void dequeue(PoolRequest& request);
  void failFront(PoolFailure failure, std::string_view detail);
  void openForWaiting();
  void onWait();
  void armWaitTimer();
  PoolRequest* firstThatTakes(const Http1Connection& connection);
  bool othersWait() const;

  WorkerCluster& cluster_;
  WorkerEndpoint& endpoint_;
  HttpPoolOwner* owner_;                         // null: nobody, or told
  base::IntrusiveList<Http1Connection> idle_;    // used last in front
  base::IntrusiveList<Http1Connection> others_;  // connecting, busy or closing
  base::IntrusiveList<PoolRequest> waiting_;     // first come in front
  std::vector<std::unique_ptr<http::http1::Http1ClientCodec>> spare_codecs_;
  event::WheelTimer wait_timer_;
  http::CodecLimits limits_;  // what the codecs refer to
  uint32_t idle_count_ = 0;
  uint32_t open_ = 0;
  uint32_t connecting_ = 0;
  uint32_t waiting_count_ = 0;
  bool draining_ = false;
};

Http1Pool::~Http1Pool() {
  while (PoolRequest* request = waiting_.front()) dequeue(*request);
  for (base::IntrusiveList<Http1Connection>* list : {&idle_, &others_}) {
    while (Http1Connection* connection = list->front()) connection->abandon();
  }
}

void Http1Pool::acquire(PoolRequest& request, bool fresh) {
  request.fresh_ = fresh;
  if (Http1Connection* connection = takeIdle(fresh)) return connection->startExchange(request);
  if (!enqueue(request, open(request))) {
    cluster_.cells().overflow->add();
    tellIfUnused();
    request.onPoolFailure(PoolFailure::kOverflow, "pending_requests_overflow");
  }
}

Http1Connection* Http1Pool::takeIdle(bool fresh) {
  Http1Connection* connection = idle_.front();
  while (fresh && connection != nullptr && connection->used()) connection = idle_.next(*connection);
  if (connection == nullptr) return nullptr;
  --idle_count_;
  others_.pushBack(*connection);
  return connection;
}

bool Http1Pool::atLimit() const {
  const uint32_t own = endpoint_.endpoint().max_connections;
  return cluster_.config().usage->connections.load(std::memory_order_relaxed) >=
             cluster_.config().max_connections ||
         (own > 0 && endpoint_.connectionsOfAll().load(std::memory_order_relaxed) >= own);
}

bool Http1Pool::open(const PoolRequest& request) {
  ConnectionSlot slot = ConnectionSlot::take(cluster_, endpoint_);
  if (!slot) return false;
  network::TransportTarget target;
  if (cluster_.transport().keyed()) target = request.transportTarget();
  auto connection = std::make_unique<Http1Connection>(*this, std::move(slot), target);
  others_.pushBack(*connection.release());  // destroys itself when it has closed
  ++open_;
  ++connecting_;
  return true;
}

bool Http1Pool::enqueue(PoolRequest& request, bool has_connection) {
  const ClusterConfig& config = cluster_.config();
  request.counted_ = !has_connection;
  if (!has_connection &&
      !ClusterUsage::tryAdd(config.usage->pending, config.max_pending_requests)) {
    return false;
  }
  request.give_up_at_ = cluster_.io().dispatcher().now() + config.connect_timeout;
  waiting_.pushBack(request);
  ++waiting_count_;
  cluster_.cells().pending_requests->add();
  if (!has_connection) {
    cluster_.makeRoom();
    openForWaiting();
  }
  armWaitTimer();
  return true;
}

void Http1Pool::dequeue(PoolRequest& request) {
  request.unlink();
  --waiting_count_;
  cluster_.cells().pending_requests->sub();
  if (request.counted_) {
    cluster_.config().usage->pending.fetch_sub(1, std::memory_order_relaxed);
  }
}

void Http1Pool::cancel(PoolRequest& request) {
  if (!request.linked()) return;
  dequeue(request);
  tellIfUnused();
}

void Http1Pool::failFront(PoolFailure failure, std::string_view detail) {
  PoolRequest& request = *waiting_.front();
  dequeue(request);
  if (failure == PoolFailure::kOverflow) cluster_.cells().overflow->add();
  request.onPoolFailure(failure, detail);
}

// One tick while somebody waits: those whose time is up go, the others try again.
void Http1Pool::onWait() {
  const event::MonotonicTime now = cluster_.io().dispatcher().now();
  for (uint32_t left = waiting_count_; left > 0; --left) {
    if (waiting_.empty() || waiting_.front()->give_up_at_ > now) break;
    if (connecting_ > 0) {
      failFront(PoolFailure::kConnectTimeout, "upstream_connect_timeout");
    } else {
      failFront(PoolFailure::kOverflow, "connection_limit_reached");
    }
  }
  openForWaiting();
  if (waiting_count_ > connecting_) cluster_.makeRoom();
  armWaitTimer();
  tellIfUnused();
}

void Http1Pool::openForWaiting() {
  // All in one pool are for the same target, as far as that matters.
  while (connecting_ < waiting_count_ && open(*waiting_.front())) {
  }
}

void Http1Pool::armWaitTimer() {
  if (waiting_.empty()) return wait_timer_.cancel();
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(waiting_.front()->give_up_at_ -
                                                                 cluster_.io().dispatcher().now());
  const bool starved = waiting_count_ > connecting_;
  const auto delay = std::max(left, std::chrono::milliseconds(0));
  wait_timer_.arm(starved ? std::min(delay, kRetryInterval) : delay);
}

std::unique_ptr<http::http1::Http1ClientCodec> Http1Pool::takeCodec() {
  limits_ = cluster_.config().limits;  // may have changed since
  if (spare_codecs_.empty()) return http::http1::createClientCodec(limits_);
  std::unique_ptr<http::http1::Http1ClientCodec> codec = std::move(spare_codecs_.back());
  spare_codecs_.pop_back();
  return codec;
}

void Http1Pool::returnCodec(std::unique_ptr<http::http1::Http1ClientCodec> codec) {
  if (spare_codecs_.size() < kMaxSpareCodecs) spare_codecs_.push_back(std::move(codec));
}

void Http1Pool::onConnectionUp(Http1Connection& connection) {
  --connecting_;
  if (connection.outdated()) return closeUnpooled(connection);
  serve(connection);
}

void Http1Pool::onConnectionFree(Http1Connection& connection) {
  if (draining_) return closeUnpooled(connection);
  serve(connection);
}

// It is idle, but not among the idle ones.
void Http1Pool::closeUnpooled(Http1Connection& connection) {
  ++idle_count_;  // onConnectionGone takes it off
  connection.close();
}

PoolRequest* Http1Pool::firstThatTakes(const Http1Connection& connection) {
  PoolRequest* request = waiting_.front();
  while (request != nullptr && request->fresh_ && connection.used()) {
    request = waiting_.next(*request);
  }
  return request;
}

// Somebody else of the cluster needs what an idle connection here would hold.
bool Http1Pool::othersWait() const {
  return cluster_.config().usage->pending.load(std::memory_order_relaxed) > 0 && atLimit();
}

void Http1Pool::serve(Http1Connection& connection) {
  if (PoolRequest* request = firstThatTakes(connection)) {
    dequeue(*request);
    armWaitTimer();
    return connection.startExchange(*request);
  }
  if (draining_ || othersWait()) return closeUnpooled(connection);
  idle_.pushFront(connection);
  ++idle_count_;
  connection.armIdleTimer();
}

void Http1Pool::onConnectionGone(Http1Connection& connection, bool was_idle) {
  if (was_idle) --idle_count_;
  others_.pushBack(connection);  // until it destroys itself
  --open_;
  openForWaiting();
  tellIfUnused();
}

void Http1Pool::onConnectFailed(Http1Connection&, bool timed_out) {
  --open_;
  --connecting_;
  if (waiting_count_ > connecting_) {
    if (timed_out) {
      failFront(PoolFailure::kConnectTimeout, "upstream_connect_timeout");
    } else {
      failFront(PoolFailure::kConnectFailed, "upstream_connect_failed");
    }
  }
  openForWaiting();
  armWaitTimer();
  tellIfUnused();
}

// The last thing in each call after which it may be so.
void Http1Pool::tellIfUnused() {
  if (owner_ == nullptr || open_ > 0 || waiting_count_ > 0) return;
  std::exchange(owner_, nullptr)->onPoolUnused();
}

void Http1Pool::drain() {
  draining_ = true;
  closeIdle();
}

void Http1Pool::closeIdle() {
  while (closeOneIdle()) {
  }
}

bool Http1Pool::closeOneIdle() {
  if (idle_.empty()) return false;
  idle_.back()->close();
  return true;
}

std::unique_ptr<HttpPool> createHttp1Pool(WorkerCluster& cluster, WorkerEndpoint& endpoint,
                                          HttpPoolOwner* owner) {
  return std::make_unique<Http1Pool>(cluster, endpoint, owner);
}

}  // namespace weir::upstream
