#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "extensions/network_filters/tcp_proxy/splice_switch.h"
#include "extensions/network_filters/tcp_proxy/tcp_proxy.h"
#include "source/event/timer.h"
#include "source/http/stream_info.h"
#include "source/network/network_filter.h"
#include "source/upstream/endpoint_connection.h"
#include "source/upstream/retry_slot.h"
#include "source/upstream/wait_queue.h"

namespace weir::extensions::network_filters::tcp_proxy {

// One client's connection and its endpoint's. Worker-confined.
//
// What the client sends before the endpoint is reached waits, with reading held. Then bytes go both
// ways; when one side's output is full, the other is not read. The client's connection is kept
// until the endpoint has all that came from it, though both sides may have ended.
class Session final : public network::NetworkFilter,
                      private SpliceSwitch::Owner,
                      private upstream::Waiter,
                      private upstream::StickyWaiter {
 public:
  explicit Session(TcpProxyWorker& worker);
  ~Session() override;

  network::Verdict onConnected() override;
  network::Verdict onData(buffer::Buffer& data, bool end_stream) override;
  void onAboveHighWatermark() override;
  void onBelowLowWatermark() override;
  void onClose(network::CloseReason reason) override;

 private:
  // kNew → kConnecting ↔ kPausing, kAsking, kWaiting → kOpen → kUpstreamDone → kClosed, any may be
  // left out.
  enum class State : uint8_t {
    kNew,           // the client's transport is not up, or filters in front have not let it pass
    kConnecting,    // to an endpoint
    kPausing,       // before the next attempt
    kAsking,        // a store, where the client belongs
    kWaiting,       // for room in a cluster
    kOpen,          // bytes pass both ways, or still one way
    kUpstreamDone,  // the endpoint's connection has ended well; output for the client is left
    kResetting,     // it broke; output for the client is left, then comes a reset
    kClosed,        // nothing to do but wait for onClose
  };
  // The endpoint's connection calls the session here, where calls have other names.
  class Upstream final : public upstream::EndpointConnection::Handler {
   public:
    explicit Upstream(Session& session) : session_(session) {}
    void onConnected() override { session_.onUpstreamConnected(); }
    void onData(buffer::Buffer& data, bool end_stream) override {
      session_.onUpstreamData(data, end_stream);
    }
    void onAboveHighWatermark() override;
    void onBelowLowWatermark() override;
    void onClose(network::CloseReason reason) override { session_.onUpstreamClose(reason); }

   private:
    Session& session_;
  };

  network::Connection& client() { return chain().connection(); }

  // Reaching an endpoint.
  std::optional<uint64_t> hash();
  void connect();
  upstream::WorkerCluster::Choice choose();
  bool open(upstream::WorkerCluster::Choice& choice);
  void wait(base::LocalRef<upstream::WorkerCluster> cluster, bool again);
  void leaveQueue();
  void onMayHaveRoom() override;
  void onWaitFailed(std::string_view reason) override;
  void onStickyFound() override;
  void attemptFailed();
  bool wasTried(const upstream::WorkerEndpoint& endpoint) const;
  void onUpstreamConnected();
  void allowSplicing();

  // Moving bytes.
  void onUpstreamData(buffer::Buffer& data, bool end_stream);
  void onUpstreamClose(network::CloseReason reason);
  void onSpliced(SpliceSwitch& direction, uint64_t bytes) override;
  void onSpliceEnded(SpliceSwitch& direction) override;
  void countEnd(bool other_ended);

  // Time.
  void touch();
  void onTimer();
  void onIdle();
  void onMaxDuration();

  // Ending.
  void fail(http::ResponseFlag flag, std::string_view detail);
  void finish(network::CloseMode mode, http::ResponseFlag flag, std::string_view detail);
  void resetClientAfterOutput(std::string_view detail);
  void log(bool at_end);

  TcpProxyWorker& worker_;
  Upstream upstream_handler_{*this};
  base::LocalRef<upstream::WorkerCluster> cluster_;
  base::LocalRef<upstream::WorkerCluster> serving_;    // that, or one that it stands for: the last
  base::LocalRef<upstream::WorkerEndpoint> endpoint_;  // the one tried last
  base::LocalRef<upstream::WorkerCluster> waits_in_;   // in whose queue it waits, or waited last
  upstream::StickyRequest sticky_;
  upstream::RetrySlot retry_slot_;
  std::unique_ptr<upstream::EndpointConnection> upstream_;
  std::vector<base::LocalRef<upstream::WorkerEndpoint>> tried_;
  SpliceSwitch to_upstream_{*this};
  SpliceSwitch to_client_{*this};
  event::WheelTimer timer_;  // of the state: pause, idle, flush
  std::optional<event::WheelTimer> max_duration_;
  event::MonotonicTime started_;
  event::MonotonicTime upstream_started_;
  event::SystemTime start_time_;
  uint64_t sent_at_idle_ = 0;  // by both, when the idle timeout was looked at last
  std::string_view detail_;
  uint32_t flags_ = 0;
  uint8_t attempts_ = 0;
  State state_ = State::kNew;
  bool early_ = false;   // the client has sent something before the endpoint was reached
  bool paused_ = false;  // before this attempt
  bool half_closed_ = false;
};

}  // namespace weir::extensions::network_filters::tcp_proxy
