#pragma once

#include "source/http/stream_info.h"
#include "source/router/retries.h"
#include "source/upstream/retry_slot.h"

namespace weir::router {

// The further attempts of one request: Retries, within the limits of the cluster. Worker-confined.
class Attempts {
 public:
  explicit Attempts(base::Random& random) : retries_(random) {}

  Retries& retries() { return retries_; }
  // Whether there is another attempt, which next() then is. What is in the way is in the flags of
  // `info`, unless the attempt is only overdue: it goes on, and this may be asked again.
  bool another(const Retries::Outcome& outcome, upstream::WorkerCluster& cluster,
               http::StreamInfo& info);
  const Retries::Again& next() const { return next_; }
  // No longer under way.
  void end() { slot_.release(); }

 private:
  bool replaced(const Retries::Outcome& overdue, upstream::WorkerCluster& cluster);

  Retries retries_;
  Retries::Again next_;  // of the first attempt: nothing special
  upstream::RetrySlot slot_;
};

}  // namespace weir::router
