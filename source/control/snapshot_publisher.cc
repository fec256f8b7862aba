#include "source/control/snapshot_publisher.h"

#include <utility>

namespace weir::control {

bool SnapshotPublisher::publish(Snapshot snapshot) {
  if (current_ != nullptr && snapshot->version <= current_->version) return false;
  current_ = std::move(snapshot);
  for (const Subscriber& subscriber : subscribers_) subscriber(current_);
  return true;
}

bool SnapshotVersion::advanceTo(uint64_t version) {
  if (version <= current_) return false;
  current_ = version;
  return true;
}

}  // namespace weir::control
