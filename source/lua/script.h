#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "source/lua/error.h"
#include "source/lua/module.h"
#include "source/lua/packages.h"
#include "source/stats/stats.h"

namespace weir::lua {

class Watchdog;

// What a stream does whose script has failed, or is by-passed; the extension carries it out.
enum class OnError : uint8_t { kFail, kContinue };

// What a configuration says of one script, and what the extension that runs it adds. Value.
struct ScriptConfig {
  std::string name;  // in statistics and messages
  std::string file;  // absolute; empty: `text` is the source
  std::string text;
  std::vector<std::string> package_folders;  // absolute: what require() may read
  std::chrono::milliseconds cpu_time{100};   // of one call; zero: no limit
  size_t memory_bytes = size_t{32} << 20;    // of one worker's state
  bool compile_loops = false;
  OnError on_error = OnError::kFail;
  uint32_t bypass_failures = 0;              // in a row; 0: never
  std::chrono::milliseconds bypass_time{0};  // zero: until it is loaded again
  // The extension's: global functions of which the script has to define at least one, unless empty.
  std::vector<std::string> entry_points;
  std::vector<std::shared_ptr<const Module>> modules;
};

// One version of a script's text. Immutable.
struct ScriptSource {
  uint64_t version = 1;
  std::string text;
  // "=file" or "=name", as Lua wants it: what stands before the line in messages.
  std::string chunk_name;
  Packages packages;  // what its main chunk requires
};

// The metrics of one script, each with the label script. Value.
struct ScriptMetrics {
  ScriptMetrics(stats::Store& store, const std::string& script);
  stats::CounterId calls, errors, budget_kills, memory_refusals, misuses, time_us, allocated_bytes,
      reloads, failed_reloads, bypasses, bypassed_streams;
  stats::GaugeId memory_bytes, states;
};

// What a configuration calls one script: its settings, its current text, and what all workers know
// of its health. Workers run it by a WorkerScript each. Thread-safe.
class Script : public std::enable_shared_from_this<Script> {
 public:
  // Reads the file, compiles it and runs its main chunk once in a state of its own (where timers,
  // dictionaries and metrics do nothing). Says file:line of what is wrong. Main thread.
  static absl::StatusOr<std::shared_ptr<Script>> load(ScriptConfig config, stats::Store& stats);
  ~Script();

  const ScriptConfig& config() const { return config_; }
  const ScriptMetrics& metrics() const { return metrics_; }
  // Null unless there is a limit on CPU time.
  Watchdog* watchdog() const { return watchdog_.get(); }

  // One atomic load: newer than what a worker has, it takes source().
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  std::shared_ptr<const ScriptSource> source() const;

  // Reads and compiles again; the next streams run what came. An error leaves all as it was. Logs
  // and counts. `block`: the main thread's. Main thread.
  absl::Status reload(stats::Block& block);
  // The file, what the current version requires, and what the last attempt to load has read:
  // absolute paths, sorted. Main thread.
  std::vector<std::string> files() const;
  // Whether one of them has other text than was loaded. Main thread.
  bool outdated() const;

  // For a State that is tried out: it has read `path`.
  void noteRead(const std::string& path) { read_.push_back(path); }

  // By-pass, over all workers. One atomic load, unless it is by-passed.
  bool bypassed() const { return bypassed_until_ms_.load(std::memory_order_relaxed) != 0; }
  // The same, and ends a by-pass whose time is over.
  bool bypassedAt(std::chrono::steady_clock::time_point now);
  void noteSuccess() {
    if (failures_.load(std::memory_order_relaxed) != 0) {
      failures_.store(0, std::memory_order_relaxed);
    }
  }
  // True: this failure begins a by-pass.
  bool noteFailure(std::chrono::steady_clock::time_point now);

 private:
  Script(ScriptConfig config, stats::Store& stats);
  // Reads, tries, publishes.
  absl::Status renew();

  const ScriptConfig config_;
  const ScriptMetrics metrics_;
  std::shared_ptr<Watchdog> watchdog_;
  std::vector<std::string> read_;  // the main thread's
  std::atomic<uint64_t> version_{0};
  std::atomic<uint32_t> failures_{0};
  std::atomic<int64_t> bypassed_until_ms_{0};  // of the steady clock; 0: not
  mutable std::mutex mutex_;                   // guards the rest
  std::shared_ptr<const ScriptSource> source_;
};

}  // namespace weir::lua
