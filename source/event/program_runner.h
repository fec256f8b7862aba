#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"

#include "source/base/task_pool.h"
#include "source/event/dispatcher.h"
#include "source/event/process.h"

namespace weir::event {

// What became of a program. Value.
struct ProgramResult {
  absl::Status started = absl::OkStatus();  // not OK: it never ran, and the rest says nothing
  ProgramEnd end = {};
  // The first bytes of its output, at most ProgramRunner::kKeptBytes of each.
  std::string out = {};
  std::string err = {};
};

// Whoever wants a program to run. Main-thread only.
class ProgramListener {
 public:
  // It runs now: its turn has come, and its file was loaded. May destroy the run.
  virtual void onProgramBegun() {}
  // The last call, also when it could not be started. May destroy the run, and run others.
  virtual void onProgramEnded(const ProgramResult& result) = 0;

 protected:
  ~ProgramListener() = default;
};

// Runs programs beside this process, a bounded number at a time; the others wait, first come, first
// served. Nothing here blocks: files are loaded on the pool of threads, and a program's end is an
// event, as is its output. A program that has ended is done, whoever still holds its output open;
// what it has left running in its process group is killed. Keeps no time. Main-thread only.
class ProgramRunner {
 public:
  static constexpr size_t kKeptBytes = 4096;

  // One program. Destroying it kills the program and its process group, or withdraws what waits;
  // the listener is not called any more. May outlive the runner. Main-thread only.
  class Run {
   public:
    virtual ~Run() = default;
    // Whether it runs, or has run.
    virtual bool begun() const = 0;
  };

  // `most` run at a time, at least 1. `tasks` may be gone before the runner is.
  ProgramRunner(Dispatcher& dispatcher, base::TaskPool& tasks, uint32_t most);
  // Kills what still runs.
  ~ProgramRunner();
  ProgramRunner(const ProgramRunner&) = delete;
  ProgramRunner& operator=(const ProgramRunner&) = delete;

  // Calls `listener` later, never from inside.
  [[nodiscard]] std::unique_ptr<Run> run(Program program, ProgramListener& listener);
  // With less than run, the next ones wait until enough have ended.
  void setMost(uint32_t most);

  // Those that were killed count until they are gone.
  uint32_t running() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::event
