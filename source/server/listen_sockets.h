#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "source/server/worker.h"

namespace weir::server {

// The listening sockets of the process, kept across configurations where the address stays.
// Main-thread only.
class ListenSockets {
 public:
  explicit ListenSockets(uint32_t workers) : workers_(workers) {}

  // The listeners of `snapshot` with their sockets: those that run already keep theirs, new ones
  // are bound. On an error nothing has changed.
  absl::StatusOr<std::vector<BoundListener>> update(const config::Snapshot& snapshot);
  uint32_t workers() const { return workers_; }
  // What is bound now, by listener name.
  const std::map<std::string, BoundListener>& bound() const { return bound_; }

 private:
  const uint32_t workers_;
  std::map<std::string, BoundListener> bound_;
};

}  // namespace weir::server
