#include "source/grpc/backoff.h"

#include <algorithm>

namespace weir::grpc {

Backoff::Backoff(const BackoffOptions& options, base::Random& random)
    : options_(options), random_(random), current_(static_cast<double>(options.initial.count())) {}

std::chrono::milliseconds Backoff::next() {
  const auto maximum = static_cast<double>(options_.maximum.count());
  const double delay = std::min(current_, maximum);
  current_ = std::min(current_ * options_.multiplier, maximum);
  const double spread = options_.jitter * (2 * random_.unit() - 1);
  return std::chrono::milliseconds(static_cast<int64_t>(delay * (1 + spread)));
}

}  // namespace weir::grpc
