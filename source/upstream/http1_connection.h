#pragma once

#include <memory>

#include "source/base/intrusive_list.h"
#include "source/event/dispatcher.h"
#include "source/http/http1/codec.h"
#include "source/network/connection.h"
#include "source/upstream/cluster.h"
#include "source/upstream/connection_slot.h"
#include "source/upstream/http_pool.h"

namespace weir::upstream {

class Http1Connection;

// The pool as its connections see it. Worker-confined.
class Http1ConnectionOwner {
 public:
  virtual WorkerCluster& cluster() = 0;
  virtual WorkerEndpoint& endpoint() = 0;
  virtual std::unique_ptr<http::http1::Http1ClientCodec> takeCodec() = 0;
  virtual void returnCodec(std::unique_ptr<http::http1::Http1ClientCodec> codec) = 0;

  // It is up and idle, for the first time.
  virtual void onConnectionUp(Http1Connection& connection) = 0;
  // Its exchange is over and it may carry another one.
  virtual void onConnectionFree(Http1Connection& connection) = 0;
  // It is closed, counts no more, and destroys itself later. `was_idle`: else it was busy.
  virtual void onConnectionGone(Http1Connection& connection, bool was_idle) = 0;
  // Instead, when it never came up.
  virtual void onConnectFailed(Http1Connection& connection, bool timed_out) = 0;

 protected:
  ~Http1ConnectionOwner() = default;
};

// One connection of an HTTP/1 pool: counts against the limits while it is open, carries one
// exchange at a time with a codec that it borrows for that, notices what an idle peer does.
// Destroys itself (deferred) when it has closed or its owner let go of it. Worker-confined.
class Http1Connection final : public network::ConnectionHandler,
                              public event::DeferredDeletable,
                              public base::ListNode<> {
 public:
  enum class State : uint8_t { kConnecting, kIdle, kBusy, kClosed };

  // Starts connecting on behalf of `target`.
  Http1Connection(Http1ConnectionOwner& owner, ConnectionSlot slot,
                  const network::TransportTarget& target);
  ~Http1Connection() override;

  State state() const { return state_; }
  bool used() const { return exchanges_ > 0; }
  // The cluster would now make it in another way.
  bool outdated() const {
    return transport_->generation != owner_->cluster().transport().generation;
  }
  // Idle only.
  void startExchange(PoolRequest& request);
  void armIdleTimer();
  // Closes now; a request in progress is not told.
  void close();
  // The owner goes away, outside of any call of the connection: closes and destroys itself at once.
  void abandon();

 private:
  // The codec's side.
  class Wire final : public http::CodecOutput, public http::http1::ClientCodecCallbacks {
   public:
    explicit Wire(Http1Connection& connection) : connection_(connection) {}
    buffer::Buffer& output() override { return connection_.connection_->output(); }
    void outputReady(bool end_stream) override { connection_.connection_->outputReady(end_stream); }
    void setReadEnabled(bool enabled) override { connection_.connection_->setReadEnabled(enabled); }
    void abort() override { connection_.close(); }
    network::Connection* rawConnection() override { return connection_.connection_.get(); }
    void onExchangeComplete() override { connection_.onExchangeComplete(); }

   private:
    Http1Connection& connection_;
  };

  void onConnected() override;
  void onData(buffer::Buffer& data, bool end_stream) override;
  void onAboveHighWatermark() override;
  void onBelowLowWatermark() override;
  void onClose(network::CloseReason reason) override;

  void onExchangeComplete();
  void finishExchange();
  bool mayBeKept() const;
  void onIdleTimeout();
  void leave();
  void countBytes();

  Http1ConnectionOwner* owner_;  // null after onClose
  ConnectionSlot slot_;
  WorkerCluster::Cells& cells_;
  Wire wire_{*this};
  const base::LocalRef<BoundTransport> transport_;  // outlives the connection
  std::unique_ptr<network::Connection> connection_;
  std::unique_ptr<http::http1::Http1ClientCodec> codec_;  // while busy
  PoolRequest* request_ = nullptr;                        // while busy and not told of its end
  event::WheelTimer idle_timer_;
  event::MonotonicTime connect_started_;
  uint64_t counted_sent_ = 0;  // in the cells
  uint64_t counted_received_ = 0;
  uint32_t exchanges_ = 0;
  State state_ = State::kConnecting;
  bool dispatching_ = false;
  bool complete_ = false;  // the exchange ended during dispatch
};

}  // namespace weir::upstream
