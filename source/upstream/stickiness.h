#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "source/base/service_map.h"
#include "source/stats/stats.h"
#include "source/upstream/endpoint.h"
#include "source/upstream/endpoint_usage.h"
#include "source/upstream/hosts_by_uid.h"

namespace weir::http {
struct RequestHead;
struct ResponseHead;
}  // namespace weir::http

namespace weir::upstream {

class WorkerCluster;
struct EligibilityPolicy;
struct PickContext;

// Who waits for a shared store to say where a client belongs. Worker-confined.
class StickyWaiter {
 public:
  // The store has answered, or was given up: choose again. Once, not from inside the call that made
  // it wait.
  virtual void onStickyFound() = 0;

 protected:
  // Not while it waits: StickyRequest::cancel() first.
  ~StickyWaiter() = default;
};

// A question to a store that is under way. Worker-confined.
class StickyLookup {
 public:
  virtual ~StickyLookup() = default;
  // Nobody wants to know any more. Not after onStickyFound().
  virtual void cancel() = 0;
};

// What one request, or one L4 session, has to do with stickiness: part of whoever chooses for it,
// and kept from the first choice to the last. Worker-confined.
struct StickyRequest {
  // What has become of it in the last choice.
  enum class Outcome : uint8_t {
    kNew,       // it was not bound, or its endpoint is not to be had: it belongs to the chosen one
    kFollowed,  // it went where it belongs
    kElsewhere  // another endpoint serves this one request: the binding stays as it is
  };

  // Called when it had to wait; null: it cannot, and a store's answer comes too late for it.
  StickyWaiter* waiter = nullptr;
  StickyLookup* lookup = nullptr;     // under way, and owned by the stickiness
  const WorkerCluster* of = nullptr;  // whose stickiness all else is about
  // The kind's own, from find() on: zero before.
  uint64_t key = 0;
  uint64_t note = 0;
  uint64_t found = 0;   // what find() has said, as HostSet::Host::uid; 0: nothing
  uint64_t own = 0;     // whom this request itself has bound the client to; 0: none
  uint64_t stored = 0;  // what the store has said, as `found`
  Outcome outcome = Outcome::kNew;
  // Somebody only wants to know: nothing is refreshed, counted or asked for.
  bool only_look = false;
  // The store has been asked for it.
  bool asked = false;
  uint8_t lookups = 0;  // begun
  // The attempt before met a connection that was no good any more, or was refused before anything
  // was done, which says nothing of the endpoint: it may go there once more.
  bool stay = false;

  // It may wait for a store.
  bool mayAsk() const { return waiter != nullptr && !asked; }
  // It wants no answer any more.
  void cancel() {
    if (lookup == nullptr) return;
    StickyLookup& under_way = *lookup;
    lookup = nullptr;
    under_way.cancel();
  }
};

// Where a client belongs, as far as it is known.
struct StickyAnswer {
  enum class Kind : uint8_t {
    kUnbound,  // nobody knows: the algorithm chooses
    kBound,    // to `uid`
    kWait      // a store was asked: StickyRequest::waiter will be called
  };
  Kind kind = Kind::kUnbound;
  uint64_t uid = 0;  // as HostSet::Host::uid; may be in no host set any more

  static StickyAnswer bound(uint64_t uid) { return {Kind::kBound, uid}; }
  static StickyAnswer wait() { return {Kind::kWait, 0}; }
};

// An endpoint that was chosen. Borrows.
struct StickyHost {
  const HostSet::Host& host;
  const std::shared_ptr<EndpointUsage>& usage;

  uint64_t uid() const { return host.uid; }
};

// The bindings of one cluster's clients on one worker. Says where a client belongs; whether it can
// go there, WorkerCluster decides (StickyPolicy). What workers share, and what has to outlive a
// configuration, is in ClusterUsage::stickyMemory(). Worker-confined.
class Stickiness {
 public:
  // Who waits is told that nothing was found: later, not from here.
  virtual ~Stickiness() = default;
  // Does not allocate where no store is asked. kWait only when StickyRequest::mayAsk().
  virtual StickyAnswer find(const PickContext& context, StickyRequest& request) = 0;
  // `host` was chosen: StickyRequest::outcome is kNew or kFollowed. Kinds that need no answer bind
  // here, when the client still belongs to StickyRequest::found. 0, or whom somebody else has bound
  // it to since.
  virtual uint64_t onChosen(const PickContext& /*context*/, StickyRequest& /*request*/,
                            const StickyHost& /*host*/) {
    return 0;
  }
  // HTTP: the head is about to go to the endpoint that was chosen.
  virtual void onSend(StickyRequest& /*request*/, http::RequestHead& /*head*/) {}
  // HTTP: the head of the answer of `host` is about to be passed on. Kinds that tell the client, or
  // learn from the answer, do it here. The request's head may have been changed by onSend().
  virtual void onAnswer(const PickContext& /*context*/, StickyRequest& /*request*/,
                        const StickyHost& /*host*/, http::ResponseHead& /*head*/) {}
};

// What a stickiness has around it on its worker. All outlives it.
struct StickinessContext {
  base::ServiceMap& services;  // as BalancerContext::services
  WorkerCluster& cluster;
};

// What a stickiness extension makes of its configuration. Immutable.
class StickinessFactory {
 public:
  virtual ~StickinessFactory() = default;
  virtual std::string_view name() const = 0;
  // It knows clients of L4 clusters too; else it is for HTTP alone.
  virtual bool servesConnections() const { return false; }
  // Says what it has read beside its configuration message (files); one that says something else is
  // another one.
  virtual std::string fingerprint() const { return {}; }
  // What workers find endpoints by; part of the host set. Pure; main thread.
  std::shared_ptr<const HostsByUid> prepare(const HostSet& hosts) const {
    return std::make_shared<const HostsByUid>(hosts);
  }
  virtual std::unique_ptr<Stickiness> create(const StickinessContext& context) const = 0;
};

// What becomes of a client whose endpoint cannot be had. Value.
struct StickyPolicy {
  // Such requests fail with 503; else another endpoint is chosen, and the client bound to that.
  bool strict = false;
  // A draining endpoint keeps the clients that are bound to it.
  bool keep_draining = true;

  bool operator==(const StickyPolicy&) const = default;
};

// Why a request fails whose endpoint cannot be had, with StickyPolicy::strict.
inline constexpr std::string_view kStickyEndpointDown = "sticky_endpoint_down";

// Pure: an endpoint keeps the clients that belong to it, though it may get no others: while it is
// not known to be down, and is not waiting for its first check; when it is draining or of weight 0,
// as the policy says.
bool keepsClients(const HostSet& hosts, uint32_t host, const StickyPolicy& sticky,
                  const EligibilityPolicy& eligibility);

// Metric ids of one cluster's stickiness. Labels {cluster=name}.
struct StickyStats {
  static StickyStats create(stats::Store& store, const std::string& cluster);
  stats::CounterId followed, bound, rebound, elsewhere, strict_failures;
};

// The same, resolved for one worker.
struct StickyCells {
  StickyCells(stats::Block& block, const StickyStats& ids)
      : followed(block.counter(ids.followed)),
        bound(block.counter(ids.bound)),
        rebound(block.counter(ids.rebound)),
        elsewhere(block.counter(ids.elsewhere)),
        strict_failures(block.counter(ids.strict_failures)) {}
  stats::Cell& followed;
  stats::Cell& bound;  // counted by the kinds
  stats::Cell& rebound;
  stats::Cell& elsewhere;
  stats::Cell& strict_failures;
};

}  // namespace weir::upstream
