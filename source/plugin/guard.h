#pragma once

#include <chrono>
#include <string_view>

#include "source/base/time.h"
#include "source/plugin/thread_plugin.h"

namespace weir::plugin {

// Stands around one call of a plugin's function: counts it and measures how long it took. The clock
// is the kernel's coarse one, which costs a few nanoseconds and moves in steps of up to 10 ms.
// Worker-confined; on the stack.
class Guard {
 public:
  // `where` is static: "on_request_head".
  Guard(ThreadPlugin& thread, const char* where)
      : thread_(thread), where_(where), began_(base::coarseNow()) {
    thread.countCall();
  }
  ~Guard() {
    const auto took = base::coarseNow() - began_;
    if (took >= thread_.slowCallback()) [[unlikely]] {
      thread_.slow(where_, std::chrono::duration_cast<std::chrono::milliseconds>(took));
    }
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  ThreadPlugin& thread_;
  const char* const where_;
  const std::chrono::steady_clock::time_point began_;
};

// Calls a function of a plugin within a Guard: guarded(thread, "on_drain", kind.on_drain, state,
// …).
template <class R, class... Parameters, class... Args>
R guarded(ThreadPlugin& thread, const char* where, R (*function)(Parameters...), Args... args) {
  const Guard guard(thread, where);
  return function(args...);
}

}  // namespace weir::plugin
