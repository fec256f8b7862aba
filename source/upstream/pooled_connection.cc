#include "source/upstream/pooled_connection.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "source/upstream/http1_side.h"
#include "source/upstream/http2_side.h"
#include "source/upstream/traffic_observations.h"

namespace weir::upstream {

PooledConnection::PooledConnection(ConnectionOwner& owner, ConnectionSlot slot,
                                   const network::TransportTarget& target, uint32_t expected)
    : owner_(&owner),
      slot_(std::move(slot)),
      cluster_(owner.cluster()),
      transport_(&owner.cluster().transport()),
      timer_(owner.cluster().io().dispatcher().wheel(),
             event::wheelCallback<&PooledConnection::onTimer>, this),
      expected_(expected) {
  connect_started_ = owner.cluster().io().dispatcher().preciseNow();
  connection_ = owner.cluster().connect(owner.endpoint(), target);
  connection_->setHandler(*this);
}

PooledConnection::~PooledConnection() = default;

uint32_t PooledConnection::room() const {
  if (!willing()) return 0;
  const uint32_t limit = owner_->requestLimit();
  if (limit > 0 && requests_ >= limit) return 0;
  const uint32_t room = side_->room();
  return limit > 0 ? std::min(room, limit - requests_) : room;
}

void PooledConnection::start(PoolRequest& request) {
  if (retire_at_ == event::MonotonicTime::max()) {
    timer_.cancel();
  } else {
    timer_.arm(lifetimeLeft());
  }
  const bool reused = requests_++ > 0;
  side_->start(request, reused);
}

void PooledConnection::armIdleTimer() {
  std::chrono::milliseconds timeout = cluster_.config().idle_timeout;
  const bool mortal = retire_at_ != event::MonotonicTime::max();
  if (mortal) timeout = timeout.count() > 0 ? std::min(timeout, lifetimeLeft()) : lifetimeLeft();
  if (timeout.count() > 0 || mortal) timer_.arm(timeout);
}

void PooledConnection::setLifetime() {
  const ConnectionPolicy& policy = cluster_.config().connections;
  if (policy.max_lifetime.count() == 0) return;
  const auto most = static_cast<uint64_t>(policy.max_lifetime.count());
  const uint64_t jitter = most * policy.lifetime_jitter_percent / 100;
  const uint64_t lifetime = most - cluster_.random().uniform(jitter + 1);
  retire_at_ = connection_->io().dispatcher().now() +
               std::chrono::milliseconds(std::max(lifetime, uint64_t{1}));
}

std::chrono::milliseconds PooledConnection::lifetimeLeft() const {
  const auto left = retire_at_ - connection_->io().dispatcher().now();
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(left), std::chrono::milliseconds(0));
}

// Idle for too long, or it has lived for long enough: then it ends after what it carries.
void PooledConnection::onTimer() {
  if (state_ == State::kConnecting) {
    return fail(PoolFailure::kConnectTimeout, "upstream_settings_timeout");
  }
  if (!up()) return;
  if (active() == 0) return close();
  retire();
  if (shared_) owner_->onConnectionChanged(*this);  // HTTP/1 changes with the end of its request
}

// --- Coming up ---

void PooledConnection::onConnected() {
  if (state_ != State::kConnecting) return;
  side_ = makeSide();
  if (side_ == nullptr) return;
  connection_->setHandler(*side_);
  if (side_->ready()) return becomeReady();
  const auto passed = connection_->io().dispatcher().preciseNow() - connect_started_;
  const auto left = cluster_.config().connect_timeout -
                    std::chrono::duration_cast<std::chrono::milliseconds>(passed);
  timer_.arm(std::max(left, std::chrono::milliseconds(1)));
}

// What the endpoint chose by ALPN has to be what is spoken.
std::unique_ptr<HttpSide> PooledConnection::makeSide() {
  network::TransportSocket& transport = connection_->transport();
  const bool chose_http2 = transport.applicationProtocol() == "h2";
  bool http2 = false;
  switch (transport_->http_protocol) {
    case HttpProtocol::kHttp1:
      if (!chose_http2) break;
      fail(PoolFailure::kConnectFailed, "upstream_chose_http2");
      return nullptr;
    case HttpProtocol::kHttp2:
      http2 = true;
      if (chose_http2 || transport.security() == nullptr) break;
      fail(PoolFailure::kConnectFailed, "upstream_did_not_choose_http2");
      return nullptr;
    case HttpProtocol::kAuto:
      http2 = chose_http2;
      break;
  }
  shared_ = http2;
  if (http2) return std::make_unique<Http2Side>(*this);
  return std::make_unique<Http1Side>(*this);
}

void PooledConnection::becomeReady() {
  const auto took = connection_->io().dispatcher().preciseNow() - connect_started_;
  cluster_.cells().connect_us->record(
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  observeConnected(owner_->endpoint());
  timer_.cancel();
  setLifetime();
  state_ = State::kUp;
  owner_->onConnectionUp(*this);
}

// Nobody speaks before the side is there.
void PooledConnection::onData(buffer::Buffer&, bool) {
  fail(PoolFailure::kConnectFailed, "upstream_connect_failed");
}

void PooledConnection::fail(PoolFailure failure, std::string_view detail) {
  if (endBeforeUp(failure)) owner_->onConnectFailed(*this, failure, detail);
}

void PooledConnection::turnedAway(std::string_view detail) {
  if (endBeforeUp(PoolFailure::kConnectFailed)) owner_->onTurnedAway(*this, detail);
}

bool PooledConnection::endBeforeUp(PoolFailure failure) {
  if (state_ != State::kConnecting) return false;
  const bool timed_out = failure == PoolFailure::kConnectTimeout;
  WorkerCluster::Cells& cells = cluster_.cells();
  (timed_out ? cells.connect_timeouts : cells.connect_failures)->add();
  owner_->endpoint().stats().connect_failures.add();
  observeConnectFailure(owner_->endpoint(),
                        {.timed_out = timed_out,
                         .error = connection_->lastError(),
                         .took = connection_->io().dispatcher().preciseNow() - connect_started_});
  if (side_ != nullptr) {
    side_->closeConnection();
  } else {
    connection_->close(network::CloseMode::kNow);
  }
  leave();
  return true;
}

// --- In use ---

void PooledConnection::changed() {
  if (!up()) return;
  countBytes();
  owner_->onConnectionChanged(*this);
}

void PooledConnection::countBytes() {
  const uint64_t sent = connection_->bytesSent();
  const uint64_t received = connection_->bytesReceived();
  cluster_.cells().bytes_sent->add(sent - std::exchange(counted_sent_, sent));
  cluster_.cells().bytes_received->add(received - std::exchange(counted_received_, received));
}

void PooledConnection::retire() {
  if (!up() || std::exchange(retired_, true)) return;
  side_->retire();
}

// --- Ending ---

void PooledConnection::close(bool broken) {
  if (state_ == State::kConnecting) {
    return fail(PoolFailure::kConnectFailed, "upstream_connect_failed");
  }
  if (!up()) return;
  side_->closeConnection();
  leave();
  owner_->onConnectionGone(*this, broken);
}

void PooledConnection::breakOff(const http::StreamError& error) {
  if (up()) side_->breakOff(error);
}

void PooledConnection::withdraw() {
  if (state_ != State::kConnecting) return;
  if (side_ != nullptr) {
    side_->closeConnection();
  } else {
    connection_->close(network::CloseMode::kNow);
  }
  leave();
}

void PooledConnection::abandon() {
  const std::unique_ptr<PooledConnection> self(this);
  unlink();
  if (side_ != nullptr) side_->abandon();
  connection_->close(network::CloseMode::kNow);
  if (open()) leave();
}

// Gives back what it counts for.
void PooledConnection::leave() {
  state_ = State::kClosed;
  timer_.cancel();
  countBytes();
  slot_.release();
}

// While there is no side.
void PooledConnection::onClose(network::CloseReason reason) {
  if (state_ == State::kConnecting) {
    const bool timed_out = reason == network::CloseReason::kConnectTimeout;
    fail(timed_out ? PoolFailure::kConnectTimeout : PoolFailure::kConnectFailed,
         timed_out ? "upstream_connect_timeout" : "upstream_connect_failed");
  }
  closed(true);
}

void PooledConnection::closed(bool broken) {
  if (state_ == State::kConnecting) {
    turnedAway("upstream_closed");
  } else if (up()) {
    leave();
    owner_->onConnectionGone(*this, broken);
  }
  connection_->io().dispatcher().deferDelete(std::unique_ptr<event::DeferredDeletable>(this));
  owner_ = nullptr;
  unlink();
}

}  // namespace weir::upstream
