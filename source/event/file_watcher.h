#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"

#include "source/base/fd.h"
#include "source/event/dispatcher.h"

namespace weir::event {

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
  // its own or any other handle and watch more.
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
