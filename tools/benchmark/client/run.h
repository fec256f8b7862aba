#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tools/benchmark/client/histogram.h"

namespace weir::benchmark {

// How a request ended. Only kDone counts as one.
enum class Outcome {
  kDone,
  kConnect,    // no connection
  kHandshake,  // TLS failed, or is not TLS 1.3
  kSession,    // resumed where a full handshake was asked for, or the other way round
  kRead,       // the connection ended or failed before the answer was whole
  kAnswer,     // not a 200 of the right length, not the echo of what was sent
  kTimeout,
};
inline constexpr size_t kOutcomes = 7;

class Run;

// Worker-confined. One of the connections of a run: makes one request at a time.
class Slot {
 public:
  virtual ~Slot() = default;

  // Starts a request. Its end is told by Run::finished(), perhaps before this returns.
  virtual void begin() = 0;
  // The descriptor given to Run::watch() is ready (edge-triggered).
  virtual void onReady(uint32_t events) = 0;
  // The request took too long: leaves it. Run::finished() is not called for it.
  virtual void abandon() = 0;

 private:
  friend class Run;
  uint64_t due_us_ = 0;
  uint64_t begun_us_ = 0;
  bool busy_ = false;
};

// Worker-confined. The epoll loop: gives slots their requests, at a rate or each as soon as its
// last one is over, and counts what becomes of them until the time is up.
class Run {
 public:
  // `rate`: requests a second, 0 for as many as there are. Latency counts from the time at which a
  // request was due, so a proxy that stalls is charged for those that waited.
  Run(uint64_t seconds, uint64_t rate, uint64_t timeout_us);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void add(std::unique_ptr<Slot> slot);

  // Prints "running" when the first request is done; returns the line that sums up.
  std::string run();

  // For slots: both directions of a fresh descriptor, until it is closed.
  void watch(int fd, Slot& slot);
  // The request of this slot is over; its next begin() comes from the loop, not from here.
  void finished(Slot& slot, Outcome outcome);

 private:
  void startDue();
  void start(Slot& slot, uint64_t due_us);
  void wait();
  void leaveLate();
  std::string report(uint64_t elapsed_us) const;

  const uint64_t seconds_;
  const uint64_t rate_;
  const uint64_t timeout_us_;
  const int epoll_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> idle_;
  uint64_t begin_us_ = 0;
  uint64_t started_ = 0;  // requests, which at a rate says when the next is due
  uint64_t next_sweep_us_ = 0;
  LatencyHistogram latencies_;
  std::array<uint64_t, kOutcomes> outcomes_{};
};

}  // namespace weir::benchmark
