#include "source/router/replay_body.h"

#include <algorithm>
#include <utility>

namespace weir::router {

void ReplayBody::add(const buffer::Buffer& data) {
  if (kept_.size() + data.size() > limit_) return lose();
  kept_.appendShared(data);
  const size_t most = std::max<size_t>(limit_, buffer::BlockPool::kLargest) * kPinnedFactor;
  if (kept_.bytesPinned() > most) lose();
}

void ReplayBody::restore(buffer::Buffer& waiting) {
  kept_.append(waiting);
  waiting.clear();
  std::swap(kept_, waiting);
}

void ReplayBody::lose() {
  lost_ = true;
  kept_.clear();
}

}  // namespace weir::router
