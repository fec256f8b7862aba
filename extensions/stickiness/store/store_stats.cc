#include "extensions/stickiness/store/store_stats.h"

#include <iterator>

namespace weir::extensions::stickiness::store {

StoreStats StoreStats::create(stats::Store& store, const std::string& cluster) {
  constexpr const char* kLookups[] = {"hit", "miss", "unknown", "timeout", "error", "unavailable"};
  constexpr const char* kWrites[] = {"created",   "adopted", "replaced",
                                     "refreshed", "error",   "dropped"};
  const stats::Labels labels{{"cluster", cluster}};
  StoreStats ids;
  for (size_t i = 0; i < std::size(kLookups); ++i) {
    ids.lookups[i] =
        store.counter("sticky_store_lookups_total",
                      "Questions to the shared sticky table by what they came to; unavailable: it "
                      "was not asked",
                      {{"cluster", cluster}, {"outcome", kLookups[i]}});
  }
  for (size_t i = 0; i < std::size(kWrites); ++i) {
    ids.writes[i] = store.counter("sticky_store_writes_total",
                                  "Writes to the shared sticky table by what they came to",
                                  {{"cluster", cluster}, {"outcome", kWrites[i]}});
  }
  ids.waits = store.counter("sticky_store_waits_total",
                            "Requests that waited for the shared sticky table", labels);
  ids.local_hits = store.counter(
      "sticky_store_local_hits_total",
      "Requests whose binding this process knew without asking the shared sticky table", labels);
  ids.connections = store.counter("sticky_store_connections_total",
                                  "Connections to the shared sticky table that came up", labels);
  ids.connect_failures =
      store.counter("sticky_store_connect_failures_total",
                    "Attempts to connect to the shared sticky table that failed", labels);
  ids.connected =
      store.gauge("sticky_store_connected", "Workers that can use the shared sticky table", labels);
  ids.resting = store.gauge("sticky_store_resting",
                            "Workers on which no request waits for the shared sticky table, as it "
                            "has been too slow",
                            labels);
  ids.queued_writes = store.gauge("sticky_store_queued_writes",
                                  "Writes that wait for the shared sticky table", labels);
  ids.lookup_us =
      store.histogram("sticky_store_lookup_us",
                      "Time until the shared sticky table has answered, late answers included, in "
                      "microseconds",
                      labels);
  return ids;
}

StoreCells::StoreCells(stats::Block& block, const StoreStats& ids)
    : waits(block.counter(ids.waits)),
      local_hits(block.counter(ids.local_hits)),
      connections(block.counter(ids.connections)),
      connect_failures(block.counter(ids.connect_failures)),
      connected(block.gauge(ids.connected)),
      resting(block.gauge(ids.resting)),
      queued_writes(block.gauge(ids.queued_writes)),
      lookup_us(block.histogram(ids.lookup_us)) {
  for (size_t i = 0; i < std::size(lookups); ++i) lookups[i] = &block.counter(ids.lookups[i]);
  for (size_t i = 0; i < std::size(writes); ++i) writes[i] = &block.counter(ids.writes[i]);
}

}  // namespace weir::extensions::stickiness::store
