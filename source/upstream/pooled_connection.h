#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "source/base/intrusive_list.h"
#include "source/event/dispatcher.h"
#include "source/network/connection.h"
#include "source/upstream/cluster.h"
#include "source/upstream/connection_slot.h"
#include "source/upstream/http1_codecs.h"
#include "source/upstream/http_pool.h"
#include "source/upstream/http_side.h"

namespace weir::upstream {

class PooledConnection;

// The pool as its connections see it. Worker-confined.
class ConnectionOwner {
 public:
  virtual WorkerCluster& cluster() = 0;
  virtual WorkerEndpoint& endpoint() = 0;
  virtual Http1Codecs& http1Codecs() = 0;
  // How many requests a connection carries; 0: any number.
  virtual uint32_t requestLimit() const = 0;
  // The endpoint has ended a connection after so many requests and refused those behind them.
  virtual void onRequestsLeftOut(uint32_t taken) = 0;

  // It may carry requests, for the first time.
  virtual void onConnectionUp(PooledConnection& connection) = 0;
  // Instead, when it never came so far: it is closed as below.
  virtual void onConnectFailed(PooledConnection& connection, PoolFailure failure,
                               std::string_view detail) = 0;
  // Or the endpoint took it and ended it before it could carry anything, as one does that is just
  // stopping.
  virtual void onTurnedAway(PooledConnection& connection, std::string_view detail) = 0;
  // Requests have ended, or it has another room than before.
  virtual void onConnectionChanged(PooledConnection& connection) = 0;
  // It is closed, counts no more, and destroys itself later. `broken`: by the peer or the network,
  // without a warning.
  virtual void onConnectionGone(PooledConnection& connection, bool broken) = 0;

 protected:
  ~ConnectionOwner() = default;
};

// One connection of a pool: connects, finds out what is spoken on it and leaves that to an
// HttpSide, counts against the limits while it is open, closes after having been idle for too long.
// Destroys itself (deferred) when it has closed or its owner let go of it. Worker-confined.
class PooledConnection final : public network::ConnectionHandler,
                               public event::DeferredDeletable,
                               public base::ListNode<> {
 public:
  // Where its pool keeps it.
  enum class Place : uint8_t {
    kOther,   // connecting, full, retired or closing
    kIdle,    // no request in progress
    kShared,  // some, and room for more
  };

  // Starts connecting on behalf of `target`, for `expected` requests that wait.
  PooledConnection(ConnectionOwner& owner, ConnectionSlot slot,
                   const network::TransportTarget& target, uint32_t expected);
  ~PooledConnection() override;

  bool up() const { return state_ == State::kUp; }
  // HTTP/2: several requests at once.
  bool shared() const { return shared_; }
  bool used() const { return requests_ > 0; }
  uint32_t requests() const { return requests_; }  // begun on it
  uint32_t expected() const { return expected_; }
  // The cluster would now make it in another way.
  bool outdated() const { return transport_->generation != cluster_.transport().generation; }
  // How many requests it takes now.
  uint32_t room() const;
  // It would take some, were it not for the owner's limit.
  bool willing() const { return up() && !retired() && side_->room() > 0; }
  // It takes no more, whatever the endpoint allows.
  bool retired() const { return retired_ || outdated(); }
  uint32_t active() const { return up() ? side_->active() : 0; }
  // Only with room.
  void start(PoolRequest& request);
  // It is idle from now on.
  void armIdleTimer();
  // Takes no more requests. Only while some are in progress.
  void retire();
  // Closes now. Requests in progress are not told (HTTP/1), or when it has closed (HTTP/2).
  // `broken`: as for ConnectionOwner.
  void close(bool broken = false);
  // Closes now, and tells the requests in progress. Not from inside a call of the connection.
  void breakOff(const http::StreamError& error);
  // Before it is up: closes, and says nothing to its owner, who has forgotten it.
  void withdraw();
  // The owner goes away, outside of any call of the connection: closes and destroys itself at once.
  void abandon();

  // For its owner alone.
  Place place = Place::kOther;
  bool being_served = false;
  uint64_t number = 0;  // of those that the owner opened

  // For its side.
  network::Connection& connection() { return *connection_; }
  ConnectionOwner& owner() { return *owner_; }  // not after closed()
  bool open() const { return state_ != State::kClosed; }
  // The side is ready().
  void becomeReady();
  // Requests have ended, or there is another room.
  void changed();
  // Nothing was sent, nothing was received since changed().
  bool unsent() const { return connection_->bytesSent() == counted_sent_; }
  bool unanswered() const { return connection_->bytesReceived() == counted_received_; }
  void countBytes();
  // Before it is ready: the peer is not what it should be.
  void fail(PoolFailure failure, std::string_view detail);
  // Likewise: it has ended the connection.
  void turnedAway(std::string_view detail);
  // The side was told onClose. It is destroyed later.
  void closed(bool broken);

 private:
  enum class State : uint8_t {
    kConnecting,  // until the side is ready
    kUp,
    kClosed,
  };

  void onConnected() override;
  void onData(buffer::Buffer& data, bool end_stream) override;
  void onClose(network::CloseReason reason) override;

  void onTimer();
  void setLifetime();
  std::chrono::milliseconds lifetimeLeft() const;
  std::unique_ptr<HttpSide> makeSide();
  bool endBeforeUp(PoolFailure failure);
  void leave();

  ConnectionOwner* owner_;  // null after closed()
  ConnectionSlot slot_;
  WorkerCluster& cluster_;
  const base::LocalRef<BoundTransport> transport_;  // outlives the connection
  std::unique_ptr<network::Connection> connection_;
  std::unique_ptr<HttpSide> side_;
  event::WheelTimer timer_;  // idle or lifetime; before it is up: until the side is ready
  event::MonotonicTime connect_started_;
  event::MonotonicTime retire_at_ = event::MonotonicTime::max();
  uint64_t counted_sent_ = 0;  // in the cells
  uint64_t counted_received_ = 0;
  const uint32_t expected_;
  uint32_t requests_ = 0;
  State state_ = State::kConnecting;
  bool shared_ = false;
  bool retired_ = false;
};

}  // namespace weir::upstream
