#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/base/random.h"
#include "source/base/service_map.h"
#include "source/network/address.h"
#include "source/upstream/endpoint.h"

namespace weir::network {
class SecurityInfo;
}

namespace weir::http {
struct RequestHead;
struct StreamInfo;
}  // namespace weir::http

namespace weir::upstream {

class HashPolicy;
class WorkerCluster;
struct SlowStart;
struct EligibilityPolicy;
struct StickyRequest;

// Keys and values that an endpoint's metadata must have; sorted by key.
using MetadataMatch = std::vector<std::pair<std::string, std::string>>;

// What an algorithm may look at for one pick. Cheap to make: nothing is computed until asked for.
struct PickContext {
  const http::RequestHead* request = nullptr;  // null for L4
  const http::StreamInfo* info = nullptr;      // null for L4
  // Of the client's connection; null when unknown.
  const network::Address* source = nullptr;
  // Where the client connected to; null when nobody knows, or it is too dear to find out.
  const network::Address* local = nullptr;
  // Of the client's connection, for L4; null: not secured. For HTTP it is in `info`.
  const network::SecurityInfo* security = nullptr;
  // Where the client wanted to go before it was redirected here; null: not redirected.
  const network::Address* original_destination = nullptr;
  // The route's own hash keys; null: the cluster's.
  const HashPolicy* hash_policy = nullptr;
  // What a hash policy made of the request or connection, for algorithms that hash.
  std::optional<uint64_t> hash = std::nullopt;
  // What the route asks of the endpoint's metadata; null: nothing.
  const MetadataMatch* metadata = nullptr;
  // This turn of the loop; set by WorkerCluster::choose().
  event::MonotonicTime now = {};
  uint32_t attempt = 0;             // 0 first, then retries
  std::span<const uint32_t> tried;  // indices into the host set: avoid while others remain
  // What the request has to do with stickiness; null: it is not asked.
  StickyRequest* sticky = nullptr;
  // Into whose host set; null: of the cluster that is asked.
  const WorkerCluster* tried_in = nullptr;
  // Bits by host, the least first: the hosts to avoid instead of `tried`, which is not empty then.
  // Empty: not set.
  std::span<const uint64_t> avoided = {};
};

inline bool isTried(const PickContext& context, uint32_t host) {
  if (!context.avoided.empty()) return (context.avoided[host / 64] >> (host % 64) & 1) != 0;
  for (const uint32_t tried : context.tried) {
    if (tried == host) return true;
  }
  return false;
}

// An endpoint, a wait or a reasoned failure.
struct Pick {
  enum class Kind : uint8_t {
    kEndpoint,
    kWait,    // none has room now: ask again when a request has ended
    kLookup,  // a store was asked where the client belongs: StickyRequest::waiter will be called
    kFailure
  };
  Kind kind = Kind::kFailure;
  uint32_t host = 0;             // index into the current host set
  std::string_view reason = {};  // static text unless kEndpoint: "no_eligible_endpoint"

  static Pick endpoint(uint32_t host) { return {Kind::kEndpoint, host, {}}; }
  static Pick wait(std::string_view reason) { return {Kind::kWait, 0, reason}; }
  static Pick failure(std::string_view reason) { return {Kind::kFailure, 0, reason}; }
};

// What a balancer can say of a pick without making it; for people.
struct PickForecast {
  // How it chooses, with its numbers: "fewest requests in flight for its weight, of all". Empty: it
  // does not say.
  std::string rule = {};
  // What `scores` are: "requests in flight, with this one, over weight". Empty: there are none.
  std::string score = {};
  std::vector<std::optional<double>> scores = {};  // by host
  // The one it would be; nothing: chance, or what only the next pick knows, decides.
  std::optional<uint32_t> host = {};
};

// What a worker knows of the load on the endpoints, by index into the current host set.
// Worker-confined.
class HostLoads {
 public:
  // That this worker has put on it.
  virtual uint32_t inFlight(uint32_t host) const = 0;
  // One of its own limits is reached, over all workers: a pick would be in vain.
  virtual bool full(uint32_t /*host*/) const { return false; }
  // The sum of inFlight() over a group of the current host set, where that is kept; else whoever
  // needs it has to add it up.
  virtual std::optional<uint64_t> groupInFlight(uint32_t /*group*/) const { return std::nullopt; }

 protected:
  ~HostLoads() = default;
};

// One cluster's balancing on one worker: what sees the host set as a whole. Algorithms that choose
// among equals implement Algorithm (source/upstream/grouped_balancer.h) instead, and get
// priorities, localities, slow start and full endpoints for nothing. Worker-confined. A pick does
// not allocate.
class LoadBalancer {
 public:
  virtual ~LoadBalancer() = default;
  // A new host set is current: before the first pick, and whenever it changes. Keep state of hosts
  // that stay (by HostSet::Host::uid). `hosts` and `loads` stay valid until the next call.
  virtual void onHostSet(const HostSet& hosts, const HostLoads& loads) = 0;
  virtual Pick pick(const PickContext& context) = 0;
  // Says what it would do, and changes nothing, neither here nor elsewhere. `out.scores` has an
  // entry for each host.
  virtual void forecast(const PickContext& /*context*/, PickForecast& /*out*/) const {}
  // Feedback, for algorithms that learn from traffic. `took`: the exchange from when it found a
  // connection (HTTP), to connect (TCP), until the first answer (UDP); zero when it found none. Not
  // called for what the client has given up.
  virtual void onResponse(uint32_t /*host*/, std::chrono::microseconds /*took*/, bool /*success*/,
                          event::MonotonicTime /*now*/) {}
};

// What a balancer has around it on its worker. All outlives the balancer.
struct BalancerContext {
  base::Random& random;
  // As for WorkerCluster: stats::Block, event::Dispatcher, network::IoContext, stats::Store. Null
  // in tests and benchmarks of algorithms that need none.
  base::ServiceMap* services = nullptr;
  // Whose endpoints it chooses, for algorithms that talk to them. Null in tests and benchmarks.
  WorkerCluster* cluster = nullptr;
  // As configured now; read when a host set comes. Null: none.
  const SlowStart* slow_start = nullptr;
};

// What a load-balancing extension makes of its configuration. Immutable.
class LoadBalancerFactory {
 public:
  virtual ~LoadBalancerFactory() = default;
  virtual std::string_view name() const = 0;
  // Its picks follow PickContext::hash.
  virtual bool usesHash() const { return false; }
  // Its picks follow PickContext::metadata.
  virtual bool usesMetadata() const { return false; }
  // Name of the request's field by which it is told an endpoint, in lower case, and which is
  // nobody else's business; empty: none.
  virtual std::string_view overrideHeader() const { return {}; }
  // It may pick endpoints of that health which are in no group of the host set: those that it is
  // told by name, or of groups of its own. What else does is a bug (RoutingMonitor).
  virtual bool picksBeyondGroups(Health /*health*/) const { return false; }
  // Fills in HostSet::table and HostGroup::table with what is too dear to compute on the workers.
  // `policy`: what the host set was made with. Pure; main thread.
  virtual void prepare(HostSet& /*hosts*/, const EligibilityPolicy& /*policy*/) const {}
  virtual std::unique_ptr<LoadBalancer> create(const BalancerContext& context) const = 0;
};

}  // namespace weir::upstream
