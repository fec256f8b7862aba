#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "source/base/fd.h"
#include "source/base/intrusive_list.h"
#include "source/base/local_ref.h"
#include "source/event/dispatcher.h"
#include "source/network/address.h"
#include "source/network/udp_send_queue.h"
#include "source/network/udp_socket.h"
#include "source/upstream/cluster.h"
#include "source/upstream/endpoint_session.h"

namespace weir::extensions::udp_filters::udp_proxy {

class UdpProxy;

// The two ends of a client's datagrams; `local` is null where the listener has one address only.
// Borrows them.
struct Flow {
  const network::Address* peer;
  const network::Address* local;
  friend bool operator==(const Flow& a, const Flow& b) {
    if (!(*a.peer == *b.peer)) return false;
    return a.local == b.local || (a.local != nullptr && b.local != nullptr && *a.local == *b.local);
  }
};

// What may pass in a second, with one second's worth at once. Worker-confined.
class TokenBucket {
 public:
  // As much of `wanted` as there is, in whole units of `unit`.
  uint64_t take(uint64_t units, uint64_t unit, uint64_t per_second, event::MonotonicTime now);

 private:
  double tokens_ = 0;
  event::MonotonicTime filled_{};  // never: the bucket is full
};

// A client's flow and its endpoint. The socket towards the endpoint is made with the first datagram
// and again after that endpoint failed or went. Worker-confined.
class UdpSession final : public event::FdHandler,
                         public event::DeferredDeletable,
                         public base::ListNode<> {
 public:
  UdpSession(UdpProxy& proxy, const network::UdpDatagrams& first);
  ~UdpSession() override;

  Flow flow() const { return {&peer_, has_local_ ? &local_ : nullptr}; }
  // From the client, to go on to the endpoint.
  void forward(std::span<const network::UdpDatagrams> datagrams);
  // The configuration or the clusters have changed. May end the session.
  void onUpdate();
  void drain();
  // Closes the socket, gives the endpoint back. The last call before it is destroyed.
  void shutdown();

  void onFdReady(event::FdEvents events) override;

  static constexpr int kReadsPerEvent = 2;

 private:
  using Runs = std::span<const network::UdpDatagrams>;

  bool open(uint32_t datagrams);
  bool chooseEndpoint();
  bool choose();
  int openSocket();
  void close();
  bool endpointGone() const;
  // Its place among those of the endpoint. Worker-confined.
  class Stay final : public upstream::EndpointSession {
   public:
    explicit Stay(UdpSession& session) : session_(session) {}
    void onBrokenOff(std::string_view) override { session_.leaveEndpoint(); }

   private:
    UdpSession& session_;
  };
  void leaveEndpoint();
  void fail(int error);
  void send(std::span<network::UdpDatagrams> runs);
  static std::span<network::UdpDatagrams> behind(std::span<network::UdpDatagrams> runs,
                                                 const network::UdpSendResult& result);
  void enqueue(Runs rest);
  void flushQueue();
  void count(const network::UdpSendResult& result);
  std::optional<network::UdpDatagrams> admit(const network::UdpDatagrams& datagrams);
  std::optional<network::UdpDatagrams> withinSize(const network::UdpDatagrams& datagrams);
  bool answer(const network::UdpDatagrams& datagrams);
  void watch();
  void touch();
  void armTimer();
  void onTimer();
  void report(bool success);
  std::optional<uint64_t> hash() const;

  UdpProxy& proxy_;
  const network::Address peer_;
  const network::Address local_;
  const bool has_local_;
  bool runs_ = false;  // UDP_GRO is on
  base::UniqueFd fd_;
  std::unique_ptr<event::FdWatcher> watcher_;
  base::LocalRef<upstream::WorkerCluster> asked_;    // for an endpoint
  base::LocalRef<upstream::WorkerCluster> cluster_;  // whose endpoint it is
  base::LocalRef<upstream::WorkerEndpoint> endpoint_;
  upstream::StickyRequest sticky_;       // never waits
  upstream::RequestSlot slot_;           // at it
  Stay stay_{*this};                     // there
  bool counted_ = false;                 // against its max_connections
  bool answered_ = false;                // by it
  event::MonotonicTime chosen_at_;       // when it was
  std::optional<uint32_t> failed_host_;  // avoid it when there is another
  network::UdpOffload offload_;
  std::unique_ptr<network::UdpSendQueue> queue_;  // made when the socket has no room
  TokenBucket datagrams_;
  TokenBucket bytes_;
  uint32_t responses_ = 0;
  const event::MonotonicTime began_;
  event::WheelTimer timer_;
};

}  // namespace weir::extensions::udp_filters::udp_proxy
