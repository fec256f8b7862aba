#pragma once

#include <chrono>

#include "source/base/random.h"

namespace weir::grpc {

// How the times between attempts grow (github.com/grpc/grpc, doc/connection-backoff.md). Value.
struct BackoffOptions {
  std::chrono::milliseconds initial{1'000};
  double multiplier = 1.6;
  double jitter = 0.2;                         // each time varies by so much of itself, up and down
  std::chrono::milliseconds maximum{120'000};  // before jitter
};

// The times between the beginnings of attempts that fail. Worker-confined.
class Backoff {
 public:
  // `random` outlives it.
  Backoff(const BackoffOptions& options, base::Random& random);

  // From the beginning of the attempt that failed to that of the next one.
  std::chrono::milliseconds next();
  // An attempt succeeded.
  void reset() { current_ = static_cast<double>(options_.initial.count()); }

 private:
  const BackoffOptions options_;
  base::Random& random_;
  double current_;  // milliseconds
};

}  // namespace weir::grpc
