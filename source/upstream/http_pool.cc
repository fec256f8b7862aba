#include "source/upstream/http_pool.h"

#include <algorithm>
#include <utility>

#include "source/upstream/learned_limit.h"
#include "source/upstream/pooled_connection.h"

namespace weir::upstream {

// Where a request goes: to the connection with the fewest streams, as long as that is below
// ClusterConfig::streams_per_connection; else to the idle connection used last (always, in HTTP/1);
// else to a loaded one that has room, and another is opened beside it; else it waits for one that
// is being opened, or for room. So connections in excess become idle and end at their timeout.
//
// When the limits forbid to open one, it waits for any to have room, whoever holds idle ones is
// asked to close them, and every tick of the wait timer tries again, since other workers do not
// tell when they close one. Worker-confined.
class EndpointHttpPool final : public HttpPool, public ConnectionOwner {
 public:
  EndpointHttpPool(WorkerCluster& cluster, WorkerEndpoint& endpoint, HttpPoolOwner* owner)
      : cluster_(cluster),
        endpoint_(endpoint),
        owner_(owner),
        wait_timer_(cluster.io().dispatcher().wheel(),
                    event::wheelCallback<&EndpointHttpPool::onWait>, this) {}
  ~EndpointHttpPool() override;

  void acquire(PoolRequest& request, bool fresh) override;
  void cancel(PoolRequest& request) override;
  void drain() override;
  void closeIdle() override;
  bool closeOneIdle() override;
  size_t idleConnections() const override { return idle_count_; }
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
  static constexpr std::chrono::milliseconds kRetryInterval{10};
  // Of connections that share, so many are compared; they take turns.
  static constexpr int kMaxCompared = 16;
  // Connections one after the other that the endpoint may end before they are up, until those who
  // wait are told.
  static constexpr uint32_t kMaxTurnedAway = 3;

  // Connections.
  bool open(const PoolRequest& request);
  uint32_t expectedRoom() const;
  bool atLimit() const;
  bool othersWait() const;
  void forget(const PooledConnection& connection);
  void put(PooledConnection& connection, Place place);
  void settle(PooledConnection& connection);
  template <class Condition>
  void retire(Condition&& condition);
  void tellIfUnused();

  // Requests and connections.
  PooledConnection* pick(const PoolRequest& request);
  PooledConnection* leastLoaded(const PoolRequest& request);
  PooledConnection* idleFor(const PoolRequest& request);
  bool suits(const PooledConnection& connection, const PoolRequest& request) const;
  void begin(PooledConnection& connection, PoolRequest& request);
  bool serve(PooledConnection& connection);

  // Requests that wait.
  bool enqueue(PoolRequest& request, bool has_connection);
  void dequeue(PoolRequest& request);
  PoolRequest* firstFor(const PooledConnection& connection);
  void failFront(PoolFailure failure, std::string_view detail);
  void openForWaiting();
  void onWait();
  void armWaitTimer();

  WorkerCluster& cluster_;
  WorkerEndpoint& endpoint_;
  HttpPoolOwner* owner_;                          // null: nobody, or told
  base::IntrusiveList<PooledConnection> idle_;    // used last in front
  base::IntrusiveList<PooledConnection> shared_;  // used last at the back
  base::IntrusiveList<PooledConnection> others_;
  base::IntrusiveList<PoolRequest> waiting_;  // first come in front
  event::WheelTimer wait_timer_;
  Http1Codecs http1_codecs_;
  uint64_t opened_ = 0;
  uint64_t unbroken_since_ = 0;  // the number of the first connection that was opened afterwards
  uint32_t idle_count_ = 0;
  uint32_t open_ = 0;
  uint32_t connecting_ = 0;
  uint32_t expected_ = 0;      // the requests that connecting ones will take
  uint32_t learned_room_ = 0;  // of the connection that came up last; 0: none yet
  LearnedLimit learned_limit_;
  uint32_t turned_away_ = 0;
  uint32_t waiting_count_ = 0;
  bool draining_ = false;
};

EndpointHttpPool::~EndpointHttpPool() {
  while (PoolRequest* request = waiting_.front()) dequeue(*request);
  for (base::IntrusiveList<PooledConnection>* list : {&idle_, &shared_, &others_}) {
    while (PooledConnection* connection = list->front()) connection->abandon();
  }
}

void EndpointHttpPool::acquire(PoolRequest& request, bool fresh) {
  request.fresh_ = fresh;
  if (PooledConnection* connection = pick(request)) return begin(*connection, request);
  if (!enqueue(request, expected_ > waiting_count_ || open(request))) {
    cluster_.cells().overflow->add();
    tellIfUnused();
    request.onPoolFailure(PoolFailure::kOverflow, "pending_requests_overflow");
  }
}

// --- Requests and connections ---

PooledConnection* EndpointHttpPool::pick(const PoolRequest& request) {
  PooledConnection* const shared = shared_.empty() ? nullptr : leastLoaded(request);
  if (shared != nullptr && shared->active() < cluster_.config().streams_per_connection) {
    return shared;
  }
  if (PooledConnection* connection = idleFor(request)) return connection;
  if (shared != nullptr && connecting_ == 0 && !atLimit()) open(request);
  return shared;
}

PooledConnection* EndpointHttpPool::leastLoaded(const PoolRequest& request) {
  PooledConnection* best = nullptr;
  PooledConnection* next = shared_.front();
  for (int left = kMaxCompared; left > 0 && next != nullptr; --left, next = shared_.next(*next)) {
    if (!suits(*next, request) || next->room() == 0) continue;
    if (best == nullptr || next->active() < best->active()) best = next;
  }
  return best;
}

PooledConnection* EndpointHttpPool::idleFor(const PoolRequest& request) {
  PooledConnection* connection = idle_.front();
  while (connection != nullptr && !suits(*connection, request)) {
    connection = idle_.next(*connection);
  }
  return connection;
}

bool EndpointHttpPool::suits(const PooledConnection& connection, const PoolRequest& request) const {
  return !request.fresh_ || !connection.used() ||
         (connection.shared() && connection.number >= unbroken_since_);
}

void EndpointHttpPool::begin(PooledConnection& connection, PoolRequest& request) {
  if (!connection.shared()) {
    put(connection, Place::kOther);
  } else if (cluster_.requestQuota().take(cluster_.config().max_requests)) {
    put(connection, connection.room() > 1 ? Place::kShared : Place::kOther);
  } else {
    cluster_.cells().overflow->add();
    return request.onPoolFailure(PoolFailure::kOverflow, "max_requests_overflow");
  }
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
  return cluster_.config().usage->connections.load(std::memory_order_relaxed) >=
             cluster_.config().max_connections ||
         (own > 0 && endpoint_.usage().connections.load(std::memory_order_relaxed) >= own);
}

// Somebody else of the cluster needs what an idle connection here would hold.
bool EndpointHttpPool::othersWait() const {
  return cluster_.config().usage->pending.load(std::memory_order_relaxed) > 0 && atLimit();
}

bool EndpointHttpPool::open(const PoolRequest& request) {
  ConnectionSlot slot = ConnectionSlot::take(cluster_, endpoint_);
  if (!slot) return false;
  network::TransportTarget target;
  if (cluster_.transport().keyed()) target = request.transportTarget();
  const uint32_t expected = expectedRoom();
  auto connection = std::make_unique<PooledConnection>(*this, std::move(slot), target, expected);
  connection->number = opened_++;
  others_.pushBack(*connection.release());  // destroys itself when it has closed
  ++open_;
  ++connecting_;
  expected_ += expected;
  return true;
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

void EndpointHttpPool::put(PooledConnection& connection, Place place) {
  if (connection.place == Place::kIdle) --idle_count_;
  connection.place = place;
  switch (place) {
    case Place::kIdle:
      ++idle_count_;
      return idle_.pushFront(connection);
    case Place::kShared:
      return shared_.pushBack(connection);
    case Place::kOther:
      return others_.pushBack(connection);
  }
}

// Puts it where it belongs after a change, or closes it. One that does not share has changed by
// becoming idle.
void EndpointHttpPool::settle(PooledConnection& connection) {
  bool ends = draining_ || connection.retired();
  if (connection.shared()) {
    if (connection.active() > 0) {
      return put(connection, connection.room() > 0 ? Place::kShared : Place::kOther);
    }
    if (connection.willing()) learned_limit_.onCarried(connection.requests());
    ends = ends || connection.room() == 0;
  }
  const uint32_t limit = requestLimit();
  ends = ends || (limit > 0 && connection.requests() >= limit) || othersWait();
  if (ends) return connection.close();
  if (connection.place == Place::kIdle) return;
  put(connection, Place::kIdle);
  connection.armIdleTimer();
}

void EndpointHttpPool::onConnectionUp(PooledConnection& connection) {
  --connecting_;
  expected_ -= connection.expected();
  turned_away_ = 0;
  learned_room_ = std::max<uint32_t>(connection.room(), 1);
  onConnectionChanged(connection);
  openForWaiting();  // it may take fewer than it was expected to
  armWaitTimer();
}

void EndpointHttpPool::onConnectionChanged(PooledConnection& connection) {
  if (connection.being_served) return;  // when that is done
  if (waiting_.empty() || !serve(connection)) settle(connection);
}

void EndpointHttpPool::onConnectionGone(PooledConnection& connection, bool broken) {
  put(connection, Place::kOther);  // until it destroys itself
  --open_;
  if (broken) unbroken_since_ = opened_;
  openForWaiting();
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
  armWaitTimer();
  tellIfUnused();
}

// Those who waited for it fail, unless others that are being opened will take them.
void EndpointHttpPool::onConnectFailed(PooledConnection& connection, PoolFailure failure,
                                       std::string_view detail) {
  forget(connection);
  for (uint32_t left = connection.expected(); left > 0 && waiting_count_ > expected_; --left) {
    failFront(failure, detail);
  }
  openForWaiting();
  armWaitTimer();
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
  retire([](const PooledConnection&) { return true; });
}

void EndpointHttpPool::closeIdle() {
  while (closeOneIdle()) {
  }
  retire([](const PooledConnection& connection) { return connection.outdated(); });
}

bool EndpointHttpPool::closeOneIdle() {
  if (idle_.empty()) return false;
  idle_.back()->close();
  return true;
}

// Only one that is up changes by it; it may go to the end of the list, which it then does once.
template <class Condition>
void EndpointHttpPool::retire(Condition&& condition) {
  for (base::IntrusiveList<PooledConnection>* list : {&shared_, &others_}) {
    PooledConnection* next = list->front();
    while (PooledConnection* connection = next) {
      next = list->next(*connection);
      if (!connection->up() || !condition(*connection)) continue;
      connection->retire();
      if (connection->place == Place::kShared) put(*connection, Place::kOther);
    }
  }
}

// --- Requests that wait ---

bool EndpointHttpPool::enqueue(PoolRequest& request, bool has_connection) {
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

void EndpointHttpPool::dequeue(PoolRequest& request) {
  request.unlink();
  --waiting_count_;
  cluster_.cells().pending_requests->sub();
  if (request.counted_) {
    cluster_.config().usage->pending.fetch_sub(1, std::memory_order_relaxed);
  }
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

void EndpointHttpPool::failFront(PoolFailure failure, std::string_view detail) {
  PoolRequest& request = *waiting_.front();
  dequeue(request);
  if (failure == PoolFailure::kOverflow) cluster_.cells().overflow->add();
  request.onPoolFailure(failure, detail);
}

// One tick while somebody waits: those whose time is up go, the others try again.
void EndpointHttpPool::onWait() {
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
  if (waiting_count_ > expected_) cluster_.makeRoom();
  armWaitTimer();
  tellIfUnused();
}

void EndpointHttpPool::openForWaiting() {
  // All in one pool are for the same target, as far as that matters.
  while (expected_ < waiting_count_ && open(*waiting_.front())) {
  }
}

void EndpointHttpPool::armWaitTimer() {
  if (waiting_.empty()) return wait_timer_.cancel();
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(waiting_.front()->give_up_at_ -
                                                                 cluster_.io().dispatcher().now());
  const bool starved = waiting_count_ > expected_;
  const auto delay = std::max(left, std::chrono::milliseconds(0));
  wait_timer_.arm(starved ? std::min(delay, kRetryInterval) : delay);
}

std::unique_ptr<HttpPool> createHttpPool(WorkerCluster& cluster, WorkerEndpoint& endpoint,
                                         HttpPoolOwner* owner) {
  return std::make_unique<EndpointHttpPool>(cluster, endpoint, owner);
}

}  // namespace weir::upstream
