#pragma once

#include <cstdint>

#include "source/base/local_ref.h"
#include "source/event/timer.h"
#include "source/http/connection_manager_worker.h"
#include "source/network/filter_chain.h"

namespace weir::http {

// The network filter of one client connection that speaks HTTP. Small, because idle connections are
// many: what a busy one needs is in its HttpSession. Worker-confined.
class ConnectionManager final : public network::NetworkFilter {
 public:
  explicit ConnectionManager(base::LocalRef<ConnectionManagerWorker> worker);
  ~ConnectionManager() override;

  void onNewConnection(network::NetworkFilterChain& chain) override;
  network::Verdict onData(buffer::Buffer& data, bool end_stream) override;
  void onAboveHighWatermark() override;
  void onBelowLowWatermark() override;
  void onDrain() override;
  void onClose(network::CloseReason reason) override;

  // For the session.
  ConnectionManagerWorker& worker() { return *worker_; }
  // After it has taken up the newest configuration, for a request that begins.
  ConnectionManagerWorker& newestWorker();
  event::Dispatcher& dispatcher() { return worker_->dispatcher(); }
  network::NetworkFilterChain& networkChain() { return chain(); }
  network::Connection& connection() { return chain().connection(); }
  uint32_t countRequest() { return ++requests_; }
  void onHeadComplete() { head_waiting_ = false; }
  // A session that stays has its first stream / no stream any more.
  void onSessionBusy() { timer_.cancel(); }
  void onSessionIdle() { armIdle(); }
  // The session has gone back to its pool. `served`: it had a request.
  void onSessionReleased(bool served);

 private:
  // What the first bytes of a connection, or its handshake, say of the version.
  enum class Wire : uint8_t { kHttp1, kHttp2, kWait };
  Wire detect(buffer::Buffer& data);
  bool beginSession(buffer::Buffer& data, bool end_stream);
  void followConfiguration();
  void watchHead();
  void armIdle();
  void onTimeout();

  base::LocalRef<ConnectionManagerWorker> worker_;
  HttpSession* session_ = nullptr;  // while busy
  event::WheelTimer timer_;         // idle, or the request head
  uint32_t requests_ = 0;
  bool head_waiting_ = false;
  bool http1_ = false;  // settled
  bool draining_ = false;
};

// What the factory binds to a worker. Worker-confined.
class BoundConnectionManager final : public network::WorkerNetworkFilterFactory {
 public:
  explicit BoundConnectionManager(base::LocalRef<ConnectionManagerWorker> worker)
      : worker_(std::move(worker)) {}
  std::unique_ptr<network::NetworkFilter> create() override {
    return std::make_unique<ConnectionManager>(worker_);
  }
  const base::LocalRef<ConnectionManagerWorker>& worker() const { return worker_; }

 private:
  base::LocalRef<ConnectionManagerWorker> worker_;
};

}  // namespace weir::http
