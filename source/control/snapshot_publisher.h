#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "source/config/snapshot.h"

namespace weir::control {

// The one writer of the routing state: hands each new snapshot to every worker, in order of
// version. Main-thread only.
class SnapshotPublisher {
 public:
  using Snapshot = std::shared_ptr<const config::Snapshot>;
  // Called on the main thread for each publication; posts the snapshot to its worker.
  using Subscriber = std::function<void(const Snapshot&)>;

  void subscribe(Subscriber subscriber) { subscribers_.push_back(std::move(subscriber)); }
  // False, and nothing happens, when `snapshot` is not newer than the current one.
  bool publish(Snapshot snapshot);
  // Null before the first.
  const Snapshot& current() const { return current_; }
  uint64_t nextVersion() const { return current_ == nullptr ? 1 : current_->version + 1; }

 private:
  Snapshot current_;
  std::vector<Subscriber> subscribers_;
};

// The worker's side of the law that a worker moves only forward. Worker-confined.
class SnapshotVersion {
 public:
  // True when `version` is newer than all before; then it is the current one.
  bool advanceTo(uint64_t version);
  uint64_t current() const { return current_; }

 private:
  uint64_t current_ = 0;
};

}  // namespace weir::control
