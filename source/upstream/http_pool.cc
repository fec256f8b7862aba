#include "source/upstream/http_pool.h"

#include <algorithm>
#include <utility>

#include "source/upstream/learned_limit.h"
#include "source/upstream/pooled_connections.h"

namespace weir::upstream {

// Where a request goes: to the connection with the fewest streams, as long as that is below
// ClusterConfig::streams_per_connection; else to the idle connection used last (always, in HTTP/1);
// else to a loaded one that has room, and another is opened beside it; else it waits for one that
// is being opened. So connections in excess become idle and end at their timeout.
//
// Nobody waits here without a connection being opened that is expected to take it: when that takes
// fewer, and the limits forbid another, those who came last are told to choose again.
// Worker-confined.
class EndpointHttpPool final : public HttpPool, public ConnectionOwner {
 public:
  EndpointHttpPool(WorkerCluster& cluster, WorkerEndpoint& endpoint, HttpPoolOwner* owner)
      : cluster_(cluster),
        endpoint_(endpoint),
        owner_(owner),
        wait_timer_(cluster.io().dispatcher().wheel(),
                    event::wheelCallback<&EndpointHttpPool::onWait>, this) {}
  ~EndpointHttpPool() override;

  bool acquire(PoolRequest& request, bool fresh) override;
  bool hasRoom() override;
  void cancel(PoolRequest& request) override;
  void drain() override;
  void undrain() override { draining_ = false; }
  void breakOff(std::string_view reason) override;
  void closeIdle() override;
  bool closeOneIdle() override { return connections_.closeOneIdle(); }
  size_t idleConnections() const override { return connections_.idle(); }
  size_t openConnections() const override { return open_; }

  WorkerCluster& cluster() override { return cluster_; }
  WorkerEndpoint& endpoint() override { return endpoint_; }
  Http1Codecs& http1Codecs() override { return http1_codecs_; }
  uint32_t requestLimit() const override {
    return learned_limit_.within(cluster_.config().max_requests_per_connection);
  }
  void onRequestsLeftOut(uint32_t taken) override { learned_limit_.onLeftOut(taken); }
  void onConnectionUp(PooledConnection& connection) override;
  void onConnectFailed(PooledConnection& connection, PoolFailure failure,
                       std::string_view detail) override;
  void onTurnedAway(PooledConnection& connection, std::string_view detail) override;
  void onConnectionChanged(PooledConnection& connection) override;
  void onConnectionGone(PooledConnection& connection, bool broken) override;

 private:
  using Place = PooledConnection::Place;
  // Connections one after the other that the endpoint may end before they are up, until those who
  // wait are told.
  static constexpr uint32_t kMaxTurnedAway = 3;

  // Connections.
  network::TransportTarget targetOf(const PoolRequest& request) const;
  void open(const network::TransportTarget& target, ConnectionSlot slot);
  bool openIfAllowed(const network::TransportTarget& target);
  void preconnect();
  uint32_t expectedRoom() const;
  bool atLimit() const;
  bool wantedElsewhere() const;
  void forget(const PooledConnection& connection);
  void settle(PooledConnection& connection);
  void tellIfUnused();

  // Requests and connections.
  PooledConnection* pick(const PoolRequest& request);
  bool suits(const PooledConnection& connection, const PoolRequest& request) const;
  void begin(PooledConnection& connection, PoolRequest& request);
  bool serve(PooledConnection& connection);

  // Requests that wait.
  void enqueue(PoolRequest& request);
  void dequeue(PoolRequest& request);
  PoolRequest* firstFor(const PooledConnection& connection);
  void fail(PoolRequest& request, PoolFailure failure, std::string_view detail);
  void openForWaiting();
  void onWait();
  void armWaitTimer();

  WorkerCluster& cluster_;
  WorkerEndpoint& endpoint_;
  HttpPoolOwner* owner_;                      // null: nobody, or told
  base::IntrusiveList<PoolRequest> waiting_;  // first come in front
  event::WheelTimer wait_timer_;
  Http1Codecs http1_codecs_;
  uint64_t opened_ = 0;
  uint64_t unbroken_since_ = 0;  // the number of the first connection that was opened afterwards
  uint32_t open_ = 0;
  uint32_t connecting_ = 0;
  uint32_t expected_ = 0;      // the requests that connecting ones will take
  uint32_t learned_room_ = 0;  // of the connection that came up last; 0: none yet
  LearnedLimit learned_limit_;
  uint32_t turned_away_ = 0;
  uint32_t waiting_count_ = 0;
  bool draining_ = false;
  PooledConnections connections_;  // destroyed first
};

EndpointHttpPool::~EndpointHttpPool() {
  while (PoolRequest* request = waiting_.front()) dequeue(*request);
}

bool EndpointHttpPool::acquire(PoolRequest& request, bool fresh) {
  request.fresh_ = fresh;
  if (PooledConnection* connection = pick(request)) {
    begin(*connection, request);
  } else if (expected_ > waiting_count_) {
    enqueue(request);
  } else if (ConnectionSlot slot = ConnectionSlot::takeOrMakeRoom(cluster_, endpoint_)) {
    open(targetOf(request), std::move(slot));
    enqueue(request);
  } else {
    tellIfUnused();
    return false;
  }
  if (cluster_.config().connections.preconnect > 0) preconnect();
  return true;
}

// --- Requests and connections ---

PooledConnection* EndpointHttpPool::pick(const PoolRequest& request) {
  const auto suitable = [&](const PooledConnection& each) { return suits(each, request); };
  PooledConnection* const shared =
      connections_.anyShared() ? connections_.leastLoaded(suitable) : nullptr;
  if (shared != nullptr && shared->active() < cluster_.config().streams_per_connection) {
    return shared;
  }
  if (PooledConnection* connection = connections_.lastUsed(suitable)) return connection;
  if (shared != nullptr && connecting_ == 0 && !atLimit()) openIfAllowed(targetOf(request));
  return shared;
}

bool EndpointHttpPool::suits(const PooledConnection& connection, const PoolRequest& request) const {
  return !request.fresh_ || !connection.used() ||
         (connection.shared() && connection.number >= unbroken_since_);
}

bool EndpointHttpPool::hasRoom() {
  if (connections_.idle() > 0 || expected_ > waiting_count_) return true;
  const auto any = [](const PooledConnection&) { return true; };
  return connections_.anyShared() && connections_.leastLoaded(any) != nullptr;
}

void EndpointHttpPool::begin(PooledConnection& connection, PoolRequest& request) {
  const bool more = connection.shared() && connection.room() > 1;
  connections_.put(connection, more ? Place::kShared : Place::kOther);
  connection.start(request);
}

// True when it has closed, or carries all it can.
bool EndpointHttpPool::serve(PooledConnection& connection) {
  connection.being_served = true;
  while (connection.room() > 0) {
    PoolRequest* const request = firstFor(connection);
    if (request == nullptr) break;
    dequeue(*request);
    begin(connection, *request);
  }
  connection.being_served = false;
  armWaitTimer();
  return !connection.up() || (!connection.shared() && connection.active() > 0);
}

// --- Connections ---

bool EndpointHttpPool::atLimit() const {
  const uint32_t own = endpoint_.endpoint().max_connections;
  return cluster_.atConnectionLimit() ||
         (own > 0 && endpoint_.usage().connections.load(std::memory_order_relaxed) >= own);
}

// Somebody on another worker needs what an idle connection here would hold.
bool EndpointHttpPool::wantedElsewhere() const {
  if (cluster_.config().usage->workersWaiting() == 0 || !atLimit()) return false;
  return cluster_.owesConnection() || cluster_.queue().empty();
}

network::TransportTarget EndpointHttpPool::targetOf(const PoolRequest& request) const {
  return cluster_.transport().keyed() ? request.transportTarget() : network::TransportTarget();
}

bool EndpointHttpPool::openIfAllowed(const network::TransportTarget& target) {
  ConnectionSlot slot = ConnectionSlot::take(cluster_, endpoint_);
  if (!slot) return false;
  open(target, std::move(slot));
  return true;
}

void EndpointHttpPool::open(const network::TransportTarget& target, ConnectionSlot slot) {
  const uint32_t expected = expectedRoom();
  auto connection = std::make_unique<PooledConnection>(*this, std::move(slot), target, expected);
  connection->number = opened_++;
  connections_.put(*connection.release(), Place::kOther);  // destroys itself when it has closed
  ++open_;
  ++connecting_;
  expected_ += expected;
}

// Connections of one client alone are not worth it.
void EndpointHttpPool::preconnect() {
  if (cluster_.transport().keyed() || draining_) return;
  const uint32_t wanted = cluster_.config().connections.preconnect;
  uint32_t ahead = connections_.room(wanted) + (expected_ - std::min(expected_, waiting_count_));
  while (ahead < wanted && openIfAllowed({})) ahead += expectedRoom();
}

// How many requests a new connection will take: what the last one did, up to where it counts as
// loaded. Before the first one is up, nobody knows what the endpoint chooses.
uint32_t EndpointHttpPool::expectedRoom() const {
  const ClusterConfig& config = cluster_.config();
  const HttpProtocol protocol = cluster_.transport().http_protocol;
  if (protocol == HttpProtocol::kHttp1) return 1;
  uint32_t room = std::min(config.http2.max_concurrent_streams, config.streams_per_connection);
  if (learned_room_ > 0) {
    room = std::min(room, learned_room_);
  } else if (protocol == HttpProtocol::kAuto) {
    room = 1;
  }
  const uint32_t limit = requestLimit();
  return limit > 0 ? std::min(room, limit) : room;
}

// Puts it where it belongs after a change, or closes it. One that does not share has changed by
// becoming idle.
void EndpointHttpPool::settle(PooledConnection& connection) {
  bool ends = draining_ || connection.retired();
  if (connection.shared()) {
    if (connection.active() > 0) {
      const bool room = connection.room() > 0;
      connections_.put(connection, room ? Place::kShared : Place::kOther);
      if (room) cluster_.localRoomMade();
      return;
    }
    if (connection.willing()) learned_limit_.onCarried(connection.requests());
    ends = ends || connection.room() == 0;
  }
  const uint32_t limit = requestLimit();
  ends = ends || (limit > 0 && connection.requests() >= limit) || wantedElsewhere();
  if (ends) return connection.close();
  if (connection.place == Place::kIdle) return;
  connections_.put(connection, Place::kIdle);
  connection.armIdleTimer();
  cluster_.localRoomMade();
}

void EndpointHttpPool::onConnectionUp(PooledConnection& connection) {
  --connecting_;
  expected_ -= connection.expected();
  turned_away_ = 0;
  learned_room_ = std::max<uint32_t>(connection.room(), 1);
  onConnectionChanged(connection);
  openForWaiting();  // it may take fewer than it was expected to
}

void EndpointHttpPool::onConnectionChanged(PooledConnection& connection) {
  if (connection.being_served) return;  // when that is done
  if (waiting_.empty() || !serve(connection)) settle(connection);
}

void EndpointHttpPool::onConnectionGone(PooledConnection& connection, bool broken) {
  connections_.put(connection, Place::kOther);  // until it destroys itself
  --open_;
  if (broken) unbroken_since_ = opened_;
  tellIfUnused();
}

// One that never came up.
void EndpointHttpPool::forget(const PooledConnection& connection) {
  --open_;
  --connecting_;
  expected_ -= connection.expected();
}

void EndpointHttpPool::onTurnedAway(PooledConnection& connection, std::string_view detail) {
  if (++turned_away_ > kMaxTurnedAway) {
    return onConnectFailed(connection, PoolFailure::kConnectFailed, detail);
  }
  forget(connection);
  openForWaiting();
  tellIfUnused();
}

// Those who waited for it fail, unless others that are being opened will take them.
void EndpointHttpPool::onConnectFailed(PooledConnection& connection, PoolFailure failure,
                                       std::string_view detail) {
  forget(connection);
  for (uint32_t left = connection.expected(); left > 0 && waiting_count_ > expected_; --left) {
    fail(*waiting_.front(), failure, detail);
  }
  openForWaiting();
  tellIfUnused();
}

// The last thing in each call after which it may be so.
void EndpointHttpPool::tellIfUnused() {
  if (owner_ == nullptr || open_ > 0 || waiting_count_ > 0) return;
  std::exchange(owner_, nullptr)->onPoolUnused();
}

void EndpointHttpPool::drain() {
  draining_ = true;
  closeIdle();
  connections_.retire([](const PooledConnection&) { return true; });
}

// What is counted first is seen first, by those who wait for the last connection to go.
void EndpointHttpPool::breakOff(std::string_view reason) {
  const bool waited = !waiting_.empty();
  for (uint32_t left = waiting_count_; left > 0 && !waiting_.empty(); --left) {
    fail(*waiting_.front(), PoolFailure::kNoRoom, reason);
  }
  closeIdle();
  const http::StreamError error{http::ErrorOrigin::kUpstream, http::ErrorReason::kConnectionReset,
                                false, reason};
  connections_.visitAll([&](PooledConnection& connection) {
    if (!connection.open()) return;
    if (!connection.up()) {
      forget(connection);
      return connection.withdraw();
    }
    if (connection.active() == 0) return connection.close();
    EndpointUsage& usage = endpoint_.usage();
    usage.broken_requests.fetch_add(connection.active());
    usage.broken_connections.fetch_add(1);
    connection.breakOff(error);
  });
  openForWaiting();
  if (waited) cluster_.localRoomMade();
  tellIfUnused();
}

void EndpointHttpPool::closeIdle() {
  while (closeOneIdle()) {
  }
  connections_.retire([](const PooledConnection& connection) { return connection.outdated(); });
}

// --- Requests that wait ---

void EndpointHttpPool::enqueue(PoolRequest& request) {
  request.give_up_at_ = cluster_.io().dispatcher().now() + cluster_.config().connect_timeout;
  waiting_.pushBack(request);
  ++waiting_count_;
  cluster_.cells().pending_requests->add();
  armWaitTimer();
}

void EndpointHttpPool::dequeue(PoolRequest& request) {
  request.unlink();
  --waiting_count_;
  cluster_.cells().pending_requests->sub();
}

void EndpointHttpPool::cancel(PoolRequest& request) {
  if (!request.linked()) return;
  dequeue(request);
  tellIfUnused();
}

PoolRequest* EndpointHttpPool::firstFor(const PooledConnection& connection) {
  PoolRequest* request = waiting_.front();
  while (request != nullptr && !suits(connection, *request)) request = waiting_.next(*request);
  return request;
}

void EndpointHttpPool::fail(PoolRequest& request, PoolFailure failure, std::string_view detail) {
  dequeue(request);
  request.onPoolFailure(failure, detail);
}

void EndpointHttpPool::onWait() {
  const event::MonotonicTime now = cluster_.io().dispatcher().now();
  for (uint32_t left = waiting_count_; left > 0; --left) {
    if (waiting_.empty() || waiting_.front()->give_up_at_ > now) break;
    fail(*waiting_.front(), PoolFailure::kConnectTimeout, "upstream_connect_timeout");
  }
  armWaitTimer();
  tellIfUnused();
}

// A connection for each who waits; all in one pool are for the same target, as far as that matters.
void EndpointHttpPool::openForWaiting() {
  while (expected_ < waiting_count_) {
    if (openIfAllowed(targetOf(*waiting_.front()))) continue;
    fail(*waiting_.back(), PoolFailure::kNoRoom, "no_room");
  }
  armWaitTimer();
}

void EndpointHttpPool::armWaitTimer() {
  if (waiting_.empty()) return wait_timer_.cancel();
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(waiting_.front()->give_up_at_ -
                                                                 cluster_.io().dispatcher().now());
  wait_timer_.arm(std::max(left, std::chrono::milliseconds(0)));
}

std::unique_ptr<HttpPool> createHttpPool(WorkerCluster& cluster, WorkerEndpoint& endpoint,
                                         HttpPoolOwner* owner) {
  return std::make_unique<EndpointHttpPool>(cluster, endpoint, owner);
}

}  // namespace weir::upstream
