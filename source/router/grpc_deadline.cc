#include "source/router/grpc_deadline.h"

#include <algorithm>
#include <array>

namespace weir::router {

using http::GrpcTimeout;

bool GrpcDeadline::read(const http::RequestHead& head, const GrpcTimeoutPolicy& policy,
                        event::MonotonicTime now) {
  if (!policy.respected) return true;
  switch (head.headers.count(http::kGrpcTimeoutName)) {
    case 0:
      return true;
    case 1:
      break;
    default:
      return false;
  }
  allowed_ = http::parseGrpcTimeout(head.headers.get(http::kGrpcTimeoutName));
  if (!allowed_) return false;
  if (policy.max.count() > 0) allowed_ = std::min<GrpcTimeout>(*allowed_, policy.max);
  began_ = now;
  return true;
}

GrpcTimeout GrpcDeadline::left(event::MonotonicTime now) const {
  const auto elapsed = std::chrono::duration_cast<GrpcTimeout>(now - began_);
  return std::max(*allowed_ - elapsed, GrpcTimeout(0));
}

void GrpcDeadline::write(http::RequestHead& head, event::MonotonicTime now) const {
  if (!set()) return;
  std::array<char, 9> room;
  head.headers.set(http::kGrpcTimeoutName, http::formatGrpcTimeout(left(now), room));
}

}  // namespace weir::router
