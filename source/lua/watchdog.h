#pragma once

#include <time.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>

struct lua_Debug;
struct lua_State;

namespace weir::lua {

// What the watchdog sees of one thread that runs Lua. Its thread writes it when it enters and
// leaves Lua: plain stores, no clock, no system call. Worker-confined, but for what the watchdog
// reads.
class WatchedThread {
 public:
  // Of this thread; made when first asked for and gone with the thread.
  static WatchedThread& current();

  // What one entry has to restore when it leaves.
  struct Outer {
    lua_State* state;
    int64_t budget_ns;
  };
  // `state` is about to run with `budget` (zero: none). An entry within another shares its budget.
  Outer enter(lua_State* state, std::chrono::nanoseconds budget);
  // Takes the hook off `state` again. Whether the script was told that its time is over.
  bool leave(lua_State* state, const Outer& outer);
  // For long C functions: raises in `state` when the time of what runs on this thread is over.
  static void check(lua_State* state);
  // The script that runs has been told.
  bool raised() const { return raised_; }

 private:
  friend class Watchdog;
  friend struct WatchList;
  WatchedThread();
  ~WatchedThread();
  static void onSignal(int signal);
  static void onHook(lua_State* state, lua_Debug* where);
  bool condemned() const {
    return condemned_.load(std::memory_order_relaxed) == sequence_.load(std::memory_order_relaxed);
  }

  // Odd while it runs Lua; every outermost entry has its own.
  std::atomic<uint64_t> sequence_{0};
  std::atomic<int64_t> budget_ns_{0};
  std::atomic<uint64_t> condemned_{~uint64_t{0}};  // the sequence that has to end
  // Its own thread's and that thread's signal handler's.
  std::atomic<lua_State*> state_{nullptr};
  std::atomic<bool> hooked_{false};
  bool raised_ = false;
  // The watchdog's, under the list's lock.
  uint64_t seen_ = 0;
  int64_t seen_cpu_ns_ = 0;
  clockid_t clock_;
  int thread_id_;
};

// Ends scripts that use up their CPU time: a thread that looks at all WatchedThreads every few
// milliseconds. When one is in the same call for longer, it measures the CPU time of that thread
// (so a process that was stopped, or starved, blames nobody), and when the budget is used up sends
// it a signal, whose handler makes LuaJIT call a hook before the next instruction. The hook raises
// an error, and does so again for every further instruction, so that no pcall of the script keeps
// it. One per process, while scripts with a budget exist; sleeps while no Lua runs. Thread-safe.
class Watchdog {
 public:
  static constexpr std::chrono::milliseconds kTick{2};
  // Turns without any Lua before it sleeps.
  static constexpr int kIdleTurns = 50;
  // And then it looks so often, in case it was not woken.
  static constexpr std::chrono::milliseconds kSleep{1000};

  static std::shared_ptr<Watchdog> get();
  ~Watchdog();

 private:
  Watchdog();
  void run();

  bool stop_ = false;   // under the lock of what wakes it
  std::thread thread_;  // check: allow(banned): watches all others
};

}  // namespace weir::lua
