#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "source/event/dispatcher.h"

namespace weir::event {

// A dispatcher whose time moves only when the test says so, and which runs only inside the calls
// below. Descriptors are recorded: a test fires them by number, or lets the fake ask poll(2) about
// them, so that real socket pairs work under simulated time. Worker-confined but for post() and
// stop().
class FakeDispatcher final : public Dispatcher {
 public:
  // Starts at 2026-01-01T00:00:00Z.
  FakeDispatcher();
  ~FakeDispatcher() override;

  // Time goes on, tick by tick: exact timers and the wheel fire when due, posts run, real
  // descriptors are polled (unless switched off) at each step that has something due.
  void advance(std::chrono::milliseconds time);
  // Time goes on while the loop stands still (SIGSTOP, a virtual machine that is paused, a callback
  // that takes that long): what became due meanwhile fires late, with the next call that runs
  // anything.
  void standStill(std::chrono::milliseconds time);
  // Runs posts, ready descriptors and deferred deletions until there is nothing more to do now; at
  // most `max_turns` turns. Whether it came to rest.
  bool runUntilIdle(int max_turns = 10000);
  // Turns until `done()`; waits up to `real_limit` of real time for descriptors (a peer thread may
  // feed them). Whether done() became true.
  bool runUntil(const std::function<bool()>& done,
                std::chrono::milliseconds real_limit = std::chrono::milliseconds(5000));
  // Off: descriptors become ready only by fire(). On at first.
  void setPollFds(bool poll_fds) { poll_fds_ = poll_fds; }

  // Delivers to the watcher of `fd` (which must exist) as one callback.
  void fire(int fd, FdEvents events);
  bool hasWatcher(int fd) const;
  // What it is watched for; nothing when there is no watcher.
  FdEvents watched(int fd) const;
  size_t watcherCount() const { return watchers_.size(); }
  // watch() calls that changed something: each would cost system calls.
  uint64_t watchChanges() const { return watch_changes_; }

  SystemTime systemNow() const override { return system_now_; }
  MonotonicTime preciseNow() const override { return now_; }
  std::unique_ptr<FdWatcher> createFdWatcher(int fd, FdHandler& handler) override;
  TimerWheel& wheel() override { return wheel_; }
  std::unique_ptr<Timer> createTimer(absl::AnyInvocable<void()> callback) override;
  void post(absl::AnyInvocable<void()> task) override;
  void deferDelete(std::unique_ptr<DeferredDeletable> object) override;
  void setAfterCallbackHook(std::function<void()> hook) override { hook_ = std::move(hook); }
  void atTurnEnd(TurnEndTask& task) override {
    if (!task.linked()) turn_end_.pushBack(task);
  }
  // Turns until stop(), within the limits of runUntil().
  void run() override;
  void stop() override;
  bool isThisThread() const override { return true; }

 private:
  class Watcher;
  class ExactTimer;

  bool turn();
  bool runPosts();
  bool runTurnEnd();
  bool pollFds(int timeout_ms);
  void stepTo(MonotonicTime time);
  bool fireTimers();
  void afterCallback();
  MonotonicTime nextDue(MonotonicTime limit) const;

  SystemTime system_now_;
  TimerWheel wheel_;
  bool poll_fds_ = true;
  uint64_t watch_changes_ = 0;
  std::map<int, Watcher*> watchers_;
  std::vector<ExactTimer*> timers_;
  uint64_t timer_sequence_ = 0;
  std::function<void()> hook_;
  base::IntrusiveList<TurnEndTask, TurnEndTask> turn_end_;
  std::vector<std::unique_ptr<DeferredDeletable>> deferred_;
  mutable std::mutex mutex_;  // guards the two below
  std::deque<absl::AnyInvocable<void()>> posts_;
  bool stopped_ = false;
};

}  // namespace weir::event
