#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

#include "source/base/fd.h"

namespace weir::event {

// What to run, without a shell. Value.
struct Program {
  std::string path = {};                      // of the file
  std::vector<std::string> arguments = {};    // the first is the name it is called by
  std::vector<std::string> environment = {};  // "NAME=value"; it has no other
};

// How a program ended. Value.
struct ProgramEnd {
  static constexpr int kUnknown = -1;  // somebody else in this process has waited for it

  int exit_code = 0;
  int signal = 0;  // not 0: killed by it, and there is no exit code
};

// A program that runs, as a session and process group of its own: stdin is /dev/null, stdout and
// stderr are pipes, no other descriptor is open in it, signals are as by default. Destroying it
// kills the group and waits a little for the program to be gone. Thread-safe in so far as it has no
// shared state.
class Process {
 public:
  // Takes as long as the kernel needs to load the file; its error says which step failed. Needs
  // pidfd_open (Linux 5.3).
  static absl::StatusOr<std::unique_ptr<Process>> spawn(const Program& program);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  // Readable when the program has ended.
  int endFd() const { return end_.get(); }
  // Our ends of its stdout and stderr, non-blocking; they may stay open in others after its end.
  base::UniqueFd takeOut() { return std::move(out_); }
  base::UniqueFd takeErr() { return std::move(err_); }

  // Kills the program and all that is left in its group, at once (SIGKILL).
  void kill();
  // How it ended; what it has left running in its group is killed. Nothing while it runs. Once.
  std::optional<ProgramEnd> reap();

 private:
  Process() = default;

  pid_t pid_ = -1;  // -1: reaped
  base::UniqueFd end_;
  base::UniqueFd out_;
  base::UniqueFd err_;
};

// Programs can only be waited for when SIGCHLD is not ignored, as it may be by inheritance. Once,
// before the first is run.
void watchChildren();

}  // namespace weir::event
