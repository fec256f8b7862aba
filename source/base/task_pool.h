#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"

namespace weir::base {

// A few threads for work that may block (reading files), so that neither workers nor the main
// thread wait for a disk. Tasks report back by posting to the dispatcher that asked. Thread-safe.
class TaskPool {
 public:
  // `max_waiting`: tasks that may wait for a thread.
  explicit TaskPool(size_t threads = 2, size_t max_waiting = 1024);
  // Runs what has begun, drops what waits.
  ~TaskPool();
  TaskPool(const TaskPool&) = delete;
  TaskPool& operator=(const TaskPool&) = delete;

  // False, and the task is dropped, when too many wait.
  [[nodiscard]] bool submit(absl::AnyInvocable<void()> task);

 private:
  void run();

  const size_t max_waiting_;
  std::mutex mutex_;  // guards the rest but the threads
  std::condition_variable wake_;
  std::deque<absl::AnyInvocable<void()>> waiting_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace weir::base
