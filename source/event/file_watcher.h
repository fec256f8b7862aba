#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"

#include "source/event/dispatcher.h"

namespace weir::event {

// What tells one state of a file from another. All zero: it is not there. Value.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;
  bool operator==(const FileIdentity&) const = default;
};
FileIdentity fileIdentity(const std::string& path);

// Tells when files change: written in place, replaced by renaming, through symbolic links at any
// place of their path (certbot's live/ -> archive/, Kubernetes' ..data), gone, and there for the
// first time. Uses inotify on the folders that the path leads through, and looks at every file from
// time to time, for file systems that do not tell. Main-thread only: one per process serves
// everybody.
class FileWatcher {
 public:
  struct Options {
    // Without a further event for this long, a change has settled.
    std::chrono::milliseconds settle{100};
    // A change is told at the latest this long after its first event.
    std::chrono::milliseconds settle_limit{2000};
    std::chrono::milliseconds poll{30'000};
  };
  // The paths, of those given, whose file is another one or has other bytes (or times). May destroy
  // its own or any other handle and watch more, but not destroy the watcher.
  using Callback = absl::AnyInvocable<void(const std::vector<std::string>& changed)>;

  // Ends the watching when destroyed; may outlive the watcher. Main-thread only.
  class Handle {
   public:
    virtual ~Handle() = default;
  };

  explicit FileWatcher(Dispatcher& dispatcher) : FileWatcher(dispatcher, Options()) {}
  FileWatcher(Dispatcher& dispatcher, const Options& options);
  ~FileWatcher();
  FileWatcher(const FileWatcher&) = delete;
  FileWatcher& operator=(const FileWatcher&) = delete;

  // Absolute paths. Compares with what is there now.
  [[nodiscard]] std::unique_ptr<Handle> watch(std::vector<std::string> paths, Callback callback);

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::event
