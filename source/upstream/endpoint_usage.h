#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "source/stats/stats.h"

namespace weir::upstream {

// What one endpoint has in use over all workers, against its own limits, and what it has done since
// somebody knows it. Shared by the workers' views of it, and gone with the last of them.
// Thread-safe.
class EndpointUsage {
 public:
  using Count = std::atomic<uint32_t>;

  EndpointUsage() = default;
  EndpointUsage(const EndpointUsage&) = delete;
  EndpointUsage& operator=(const EndpointUsage&) = delete;
  ~EndpointUsage();

  Count connections{0};  // open now
  Count requests{0};     // in progress, where max_requests limits them
  Count troubles{0};  // bits of Trouble that were told and that the main thread has not taken yet
  // That workers have broken off because the endpoint was to be left (Departure), ever: counted
  // before they are open, or in progress, no more.
  Count broken_connections{0};
  Count broken_requests{0};
  Count pinned{0};  // clients that stickiness keeps here, as far as it knows

  // So many came in a row, from all workers. What ends a run writes only when there is one. Only
  // where outlier detection wants them.
  struct Runs {
    Count server_errors{0};
    Count gateway_errors{0};
    Count connect_failures{0};
    // What was before does not count any more.
    void clear() {
      for (Count* run : {&server_errors, &gateway_errors, &connect_failures}) end(*run);
    }
  };
  Runs runs;
  // One more; true when it has reached `threshold`, or the next multiple. 0: there is none.
  static bool lengthen(Count& run, uint32_t threshold) {
    const uint32_t length = run.fetch_add(1, std::memory_order_relaxed) + 1;
    return threshold > 0 && length % threshold == 0;
  }
  static void end(Count& run) {
    if (run.load(std::memory_order_relaxed) != 0) run.store(0, std::memory_order_relaxed);
  }

  // One worker's part of the statistics: written by that worker alone, read by anyone.
  struct Cells {
    stats::Cell requests;  // sent to it
    stats::Cell responses_by_class[5];
    stats::Cell response_us;  // of complete exchanges, all together
    stats::Cell completed;    // how many these are
    stats::Cell connections;  // begun
    stats::Cell connect_failures;
    stats::Cell resets;  // exchanges or L4 connections that it broke off
    stats::Cell active_requests;
    stats::Cell active_connections;
    // For outlier detection, where there is one: requests and L4 sessions that were served, those
    // that were not, for how many of the former the first byte's time is known, and that.
    stats::Cell good, bad, timed, waited_us;

   private:
    friend class EndpointUsage;
    Cells* next_ = nullptr;
  };
  struct Totals {
    uint64_t requests = 0;
    uint64_t responses_by_class[5] = {};
    uint64_t response_us = 0;
    uint64_t completed = 0;
    uint64_t connections = 0;
    uint64_t connect_failures = 0;
    uint64_t resets = 0;
    uint64_t active_requests = 0;
    uint64_t active_connections = 0;
    uint64_t good = 0;
    uint64_t bad = 0;
    uint64_t timed = 0;
    uint64_t waited_us = 0;
  };
  // Cells for one worker, until it leaves; what they have counted stays.
  Cells& join();
  void leave(Cells& cells);
  // Of all workers, those too that have left.
  Totals totals() const;

 private:
  static void add(const Cells& cells, Totals& to);

  mutable std::mutex mutex_;  // guards the rest
  Cells* first_ = nullptr;
  std::unique_ptr<Totals> left_;  // null: nobody has
};

}  // namespace weir::upstream
