#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "source/event/dispatcher.h"
#include "source/upstream/load_balancer.h"

namespace weir::extensions::load_balancing::prequal {

enum class ProbeResult : uint8_t {
  kAnswered,
  kRefused,    // any status but 2xx: it knows of no such thing
  kMalformed,  // the answer does not say what it should
  kTimeout,
  kFailed,  // no connection, or it broke
  kCount,
};

struct ProbeAnswer {
  ProbeResult result = ProbeResult::kFailed;
  uint64_t requests_in_flight = 0;
  uint32_t latency_us = 0;
};

// Who wants probes. Worker-confined.
class ProbeOwner {
 public:
  static constexpr uint32_t kNobody = ~uint32_t{0};
  // Whom to probe now: an index into the current host set; kNobody: nobody just now.
  virtual uint32_t nextTarget(event::MonotonicTime now) = 0;
  // Exactly once for each target that was given, unless it has left the host set. Not from within
  // nextTarget().
  virtual void onProbe(uint32_t host, const ProbeAnswer& answer, event::MonotonicTime now) = 0;

 protected:
  ~ProbeOwner() = default;
};

// Asks endpoints how busy they are. Destroying it gives up what is on its way. Worker-confined.
class Prober {
 public:
  virtual ~Prober() = default;
  // Soon, but not from within this call, asks ProbeOwner::nextTarget() up to so many times. Does
  // not allocate.
  virtual void want(uint32_t probes) = 0;
};

// Makes a prober for one worker; null: there is nobody to ask. `owner` outlives it. Thread-safe.
class ProberFactory {
 public:
  virtual ~ProberFactory() = default;
  virtual std::unique_ptr<Prober> create(const upstream::BalancerContext& context,
                                         ProbeOwner& owner) const = 0;
};

}  // namespace weir::extensions::load_balancing::prequal
