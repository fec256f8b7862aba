#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "source/base/intrusive_list.h"
#include "source/base/local_ref.h"
#include "source/network/address.h"
#include "source/network/transport_socket.h"
#include "source/upstream/cluster_config.h"
#include "source/upstream/departure.h"
#include "source/upstream/endpoint.h"
#include "source/upstream/endpoint_session.h"
#include "source/upstream/endpoint_usage.h"
#include "source/upstream/trouble.h"

namespace weir::upstream {

class WorkerCluster;

// How the connections of a cluster are made on one worker, as of one configuration. Kept as long as
// there are connections made in this way. Worker-confined.
struct BoundTransport final : base::LocalCounted {
  std::shared_ptr<const network::TransportSocketFactory> factory;  // null: plain
  std::unique_ptr<network::WorkerTransportSocketFactory> worker;   // null: plain
  network::TransportNeeds needs;
  bool original_source = false;
  HttpProtocol http_protocol = HttpProtocol::kHttp1;
  uint32_t generation = 0;  // with the same number, connections are alike
  // Not everybody may share every connection.
  bool keyed() const { return original_source || needs.any(); }
};

class HttpPool;
class KeyedPools;
class SpareConnections;

// One endpoint as one worker sees it: its pools and what is in flight. Kept while its Endpoint is
// in the host set, or was named lately, or a request uses it. Worker-confined.
class WorkerEndpoint final : public base::LocalCounted, public base::ListNode<> {
 public:
  static constexpr uint32_t kRemoved = ~uint32_t{0};

  WorkerEndpoint(WorkerCluster& cluster, std::shared_ptr<const Endpoint> endpoint,
                 std::shared_ptr<EndpointUsage> usage);
  ~WorkerEndpoint() override;
  WorkerCluster& cluster() const { return cluster_; }
  const Endpoint& endpoint() const { return *endpoint_; }
  // Stays where it is while this lives, through configurations; a logical endpoint's changes.
  const network::Address& address() const { return address_; }
  // Index into the current host set; kRemoved: not in it, or no more.
  uint32_t index() const { return index_; }
  // Neither the host set nor an endpoint source gives it to anybody any more.
  bool gone() const { return gone_; }
  // It gets nothing new, but perhaps what belongs to it (StickyPolicy); what runs may finish.
  bool draining() const { return draining_ != nullptr; }
  // What ran then has been broken off: nothing may be begun here.
  bool drainOver() const;
  // The pool that everybody shares; made when first needed.
  HttpPool& httpPool();
  // Connections of which may serve requests with this target: while BoundTransport::keyed(). Good
  // until the current callback returns, or as long as a request is in it.
  HttpPool& httpPool(const network::TransportTarget& target);
  uint32_t openConnections() const;  // pooled ones
  void closeIdle();
  // Closes the idle pooled connection that was not used for longest; false when there is none.
  bool closeOneIdle();
  // Of all workers.
  EndpointUsage& usage() const { return *usage_; }
  const std::shared_ptr<EndpointUsage>& sharedUsage() const { return usage_; }
  // What this worker counts of it.
  EndpointUsage::Cells& stats() {
    if (cells_ == nullptr) cells_ = &usage_->join();
    return *cells_;
  }
  // A request (or L4 session) would find no room: max_requests is reached, or no connection may be
  // opened and none is free.
  bool full(bool request) const;
  // Real traffic has met it: the main thread is told, unless it has been and has not taken it yet.
  void reportTrouble(Trouble trouble);
  // Connected and unused, for L4; made when first needed.
  SpareConnections& spares();
  // `session` runs through it until it is unlinked.
  void join(EndpointSession& session);
  uint32_t in_flight = 0;    // on this worker; see RequestSlot
  uint32_t connections = 0;  // open from this worker; see ConnectionSlot

 private:
  friend class NamedEndpoints;
  friend class WorkerCluster;
  // False when `endpoint` is another one: then this one goes.
  bool follow(uint32_t index, const std::shared_ptr<const Endpoint>& endpoint);
  // What the current host set says of its end.
  void depart(const Departure& departure);
  void stay();
  void drain();
  void remove();
  // It had been removed, and something still runs; otherwise as follow().
  bool comeBack(uint32_t index, const std::shared_ptr<const Endpoint>& endpoint);
  void onDrainOver();
  bool hasFreeConnection(bool request) const;

  WorkerCluster& cluster_;
  network::Address address_;
  std::shared_ptr<const Endpoint> endpoint_;
  std::shared_ptr<EndpointUsage> usage_;
  EndpointUsage::Cells* cells_ = nullptr;  // of usage_, when something was counted
  uint32_t index_ = kRemoved;
  bool gone_ = false;
  std::unique_ptr<HttpPool> pool_;
  std::unique_ptr<KeyedPools> keyed_pools_;
  std::unique_ptr<SpareConnections> spares_;
  using Sessions = base::IntrusiveList<EndpointSession, EndpointSession>;
  std::unique_ptr<Sessions> sessions_;  // made with the first
  struct Draining {
    explicit Draining(WorkerEndpoint& endpoint);
    event::WheelTimer timer;
    event::MonotonicTime ends = {};
    std::string_view reason = {};
    bool over = false;
  };
  std::unique_ptr<Draining> draining_;  // null: it does not
};

}  // namespace weir::upstream
