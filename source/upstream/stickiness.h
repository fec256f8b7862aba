#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "source/base/intrusive_list.h"
#include "source/base/service_map.h"
#include "source/event/dispatcher.h"
#include "source/upstream/endpoint.h"

namespace weir::http {
struct ResponseHead;
}

namespace weir::upstream {

class StickyTable;
class WorkerCluster;
class WorkerEndpoint;
struct PickContext;

// Who waits for a shared store to say where a client belongs. Worker-confined.
class StickyWaiter : public base::ListNode<StickyWaiter> {
 public:
  // The store has answered, or was given up: choose again. Once, not from inside the call that made
  // it wait.
  virtual void onStickyFound() = 0;

 protected:
  // Not while it waits: StickyLookup::cancel() first.
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
  // Called when it had to wait; null: it cannot, and a store's answer comes too late for it.
  StickyWaiter* waiter = nullptr;
  StickyLookup* lookup = nullptr;  // under way, and owned by the stickiness
  // The store has been asked for it: what it said is in `stored`, 0 for nothing.
  bool asked = false;
  uint64_t stored = 0;  // as HostSet::Host::uid
  // The client came with a binding that holds, to the endpoint that was chosen last: nothing needs
  // to be issued.
  bool followed = false;
};

// Where a client belongs, as far as it is known.
struct StickyAnswer {
  enum class Kind : uint8_t {
    kUnbound,  // nobody knows: the algorithm chooses
    kBound,    // to `host`
    kWait      // a store was asked: StickyRequest::waiter will be called
  };
  Kind kind = Kind::kUnbound;
  uint32_t host = 0;  // index into the current host set

  static StickyAnswer bound(uint32_t host) { return {Kind::kBound, host}; }
  static StickyAnswer wait() { return {Kind::kWait, 0}; }
};

// The bindings of one cluster's clients on one worker. Says where a client belongs; whether it can
// go there, WorkerCluster decides (StickyPolicy). Worker-confined.
class Stickiness {
 public:
  virtual ~Stickiness() = default;
  // A new host set is current, made with StickinessFactory::prepare(): before the first find().
  // `hosts` stays valid until the next call.
  virtual void onHostSet(const HostSet& hosts) = 0;
  // A binding to an endpoint that is not in the host set is none. Does not allocate where no store
  // is asked.
  virtual StickyAnswer find(const PickContext& context, StickyRequest& request) = 0;
  // `host` was chosen: by its binding (StickyRequest::followed), or anew. Kinds that need no answer
  // bind here.
  virtual void onChosen(const PickContext& /*context*/, StickyRequest& /*request*/,
                        uint32_t /*host*/) {}
  // HTTP: the head of the answer of `host` is about to be passed on. Kinds that tell the client, or
  // learn from the answer, do it here.
  virtual void onAnswer(const PickContext& /*context*/, StickyRequest& /*request*/,
                        uint32_t /*host*/, http::ResponseHead& /*head*/) {}
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
  // What workers need to find endpoints by; part of the host set. Null: nothing. Pure; main thread.
  virtual std::shared_ptr<const BalancerTable> prepare(const HostSet& /*hosts*/) const {
    return nullptr;
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

}  // namespace weir::upstream
