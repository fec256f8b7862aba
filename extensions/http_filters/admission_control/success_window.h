#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "source/event/dispatcher.h"

namespace weir::extensions::http_filters::admission_control {

// When how much is refused. Value; part of the configuration.
struct AdmissionLaw {
  std::chrono::seconds window{30};
  double threshold = 0.95;  // of what succeeds
  double aggression = 1;
  double rps_threshold = 0;  // of this worker
  double max_rejection = 0.8;

  // The probability with which a request is refused after so many in the window:
  //
  //     ((requests - successes / threshold) / (requests + 1)) ^ (1 / aggression)
  //
  // (client-side throttling, "Site Reliability Engineering", chapter 21, as Envoy has it).
  double rejection(uint64_t requests, uint64_t successes) const;
};

// What has become of the requests of the last seconds, second by second. Worker-confined.
class SuccessWindow {
 public:
  explicit SuccessWindow(std::chrono::seconds window);

  void add(bool success, event::MonotonicTime now);
  struct Totals {
    uint64_t requests = 0;
    uint64_t successes = 0;
  };
  Totals totals(event::MonotonicTime now);

 private:
  struct Second {
    uint64_t requests = 0;
    uint64_t successes = 0;
  };
  // Forgets what has become too old.
  void moveTo(event::MonotonicTime now);

  std::vector<Second> seconds_;  // by number modulo size
  int64_t current_ = 0;          // the second that is now
  Totals totals_;
};

}  // namespace weir::extensions::http_filters::admission_control
