#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/functional/any_invocable.h"

#include "source/base/intrusive_list.h"
#include "source/event/timer.h"

namespace weir::event {

using MonotonicTime = std::chrono::steady_clock::time_point;
using SystemTime = std::chrono::system_clock::time_point;

// What a file descriptor is ready for, or watched for.
struct FdEvents {
  bool readable = false;
  bool writable = false;
};

// Receives readiness of one descriptor. Called on the dispatcher's thread; may destroy the watcher
// (and itself, through deferDelete) from inside. Worker-confined.
class FdHandler {
 public:
  virtual void onFdReady(FdEvents events) = 0;

 protected:
  ~FdHandler() = default;
};

// Watches one descriptor, level-triggered, until destroyed; it does not own the descriptor and must
// be destroyed before that is closed. Worker-confined.
class FdWatcher {
 public:
  virtual ~FdWatcher() = default;
  // Costs up to two system calls when it changes anything; nothing when it does not.
  virtual void watch(FdEvents events) = 0;
  // The descriptor is closed right after the watcher is destroyed, and nobody has a duplicate:
  // saves taking it out of the kernel's set.
  virtual void closing() {}
};

// Base of what may be destroyed "a little later", when no frame of it is on the stack any more.
// Worker-confined.
class DeferredDeletable {
 public:
  virtual ~DeferredDeletable() = default;
};

// Work that is cheaper once per loop turn than once per callback: what is gathered from the events
// of many descriptors. Worker-confined; destroying it takes it off the list.
class TurnEndTask : public base::ListNode<TurnEndTask> {
 public:
  // May put itself, or others, on the list again: for the end of the next turn.
  virtual void onTurnEnd() = 0;

 protected:
  ~TurnEndTask() = default;
};

// The loop of one thread: descriptors, timers, posts from other threads, deferred deletion.
// Worker-confined but for post() and stop(), which are Thread-safe. Two implementations:
// UvDispatcher (epoll and libuv) and FakeDispatcher (test/fakes; time moves only when the test says
// so).
class Dispatcher {
 public:
  virtual ~Dispatcher() = default;

  // Time as of the start of this loop turn: no system call.
  MonotonicTime now() const { return stale_ ? readTime() : now_; }
  virtual SystemTime systemNow() const = 0;
  // Time measured at the moment of the call (vDSO): for durations that are reported in
  // microseconds.
  virtual MonotonicTime preciseNow() const = 0;

  // `fd` is non-blocking, `handler` outlives the watcher. Starts watching for nothing.
  virtual std::unique_ptr<FdWatcher> createFdWatcher(int fd, FdHandler& handler) = 0;
  // The thread's coarse timer wheel: what timeouts on the data path use.
  virtual TimerWheel& wheel() = 0;
  // Exact timer for the control plane (millisecond resolution).
  virtual std::unique_ptr<Timer> createTimer(absl::AnyInvocable<void()> callback) = 0;

  // Runs `task` on the dispatcher's thread, in order of posting, on a later turn. Thread-safe.
  // Tasks posted after the loop has ended are destroyed without running.
  virtual void post(absl::AnyInvocable<void()> task) = 0;
  // Destroys `object` after the current callback (event, timer or task) has returned.
  virtual void deferDelete(std::unique_ptr<DeferredDeletable> object) = 0;
  // Runs `hook` after every callback, before deferred deletion: connections flush there what the
  // callback made them write, so that one event makes one write. At most one hook.
  virtual void setAfterCallbackHook(std::function<void()> hook) = 0;
  // Runs `task` once, as a callback of its own, when the events that are ready in this turn have
  // all been handed out. Nothing when it waits for that already.
  virtual void atTurnEnd(TurnEndTask& task) = 0;

  // Runs until stop(). Then pending deferred deletions are done and run() returns.
  virtual void run() = 0;
  virtual void stop() = 0;
  virtual bool isThisThread() const = 0;

 protected:
  // Outside of a turn (before run(), or in tests).
  virtual MonotonicTime readTime() const { return now_; }

  MonotonicTime now_{};  // of the turn: asked a dozen times for a request, so not a call
  bool stale_ = false;   // outside of turns: readTime() knows better
};

}  // namespace weir::event
