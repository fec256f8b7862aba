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
  Count pinned{0};    // clients that stickiness keeps here, as far as it knows

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
