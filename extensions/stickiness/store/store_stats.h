#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "source/stats/stats.h"

namespace weir::extensions::stickiness::store {

// What a question to the store came to.
enum class LookupOutcome : uint8_t {
  kHit,
  kMiss,         // nobody has bound the client
  kUnknown,      // it is bound to an endpoint that the cluster does not have
  kTimeout,      // no answer within the budget
  kError,        // the server refused it, or the connection was lost
  kUnavailable,  // was not asked: there is no connection, or it is too slow, or too much waits
  kCount
};

// What a write came to.
enum class WriteOutcome : uint8_t {
  kCreated,
  kAdopted,   // another node was first: the client belongs where that has bound it
  kReplaced,  // the endpoint of before is not to be had any more
  kRefreshed,
  kError,    // the server refused it, or connections were lost
  kDropped,  // too many waited
  kCount
};

// Metric ids of one cluster. Registered on the main thread.
struct StoreStats {
  static StoreStats create(stats::Store& store, const std::string& cluster);
  stats::CounterId lookups[static_cast<size_t>(LookupOutcome::kCount)];
  stats::CounterId writes[static_cast<size_t>(WriteOutcome::kCount)];
  stats::CounterId waits, local_hits, connections, connect_failures;
  stats::GaugeId connected, resting, queued_writes;
  stats::HistogramId lookup_us;
};

// The same, resolved for one worker. Worker-confined.
struct StoreCells {
  StoreCells(stats::Block& block, const StoreStats& ids);
  stats::Cell& lookup(LookupOutcome outcome) { return *lookups[static_cast<size_t>(outcome)]; }
  stats::Cell& write(WriteOutcome outcome) { return *writes[static_cast<size_t>(outcome)]; }

  stats::Cell* lookups[static_cast<size_t>(LookupOutcome::kCount)];
  stats::Cell* writes[static_cast<size_t>(WriteOutcome::kCount)];
  stats::Cell &waits, &local_hits, &connections, &connect_failures;
  stats::Cell &connected, &resting, &queued_writes;
  stats::HistogramCell& lookup_us;
};

}  // namespace weir::extensions::stickiness::store
