#pragma once

#include <cstdint>
#include <string_view>

#include "source/event/dispatcher.h"
#include "source/upstream/endpoint.h"
#include "source/upstream/health_policy.h"

namespace weir::upstream {

// What becomes of what runs at an endpoint that gets nothing new. Value.
struct Departure {
  enum class Kind : uint8_t {
    kNone,    // it gets something, or nobody minds what runs there
    kFinish,  // it may finish until the drain timeout is over
    kClose    // it is broken off at once
  };
  Kind kind = Kind::kNone;
  event::MonotonicTime since = {};
  std::string_view reason = {};  // for those who are broken off; static text

  bool departs() const { return kind != Kind::kNone; }
  // When what still runs is broken off.
  event::MonotonicTime ends(const DrainPolicy& policy) const {
    return kind == Kind::kClose ? since : since + policy.timeout;
  }
};

// Pure: of an endpoint of `hosts`. One that is draining or disabled departs, and one that is
// unhealthy unless it is picked nevertheless (panic), or the policy says kKeep.
Departure departureOf(const HostSet& hosts, uint32_t index, const DrainPolicy& policy);

// Of one that has left its host set.
Departure departureOfRemoved(event::MonotonicTime now);

}  // namespace weir::upstream
