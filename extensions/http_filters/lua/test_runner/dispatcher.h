#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "source/event/dispatcher.h"

namespace weir::extensions::http_filters::lua::test_runner {

// A loop without descriptors whose time moves only when a test says so: what scripts wait for under
// test. Worker-confined.
class SimulatedDispatcher final : public event::Dispatcher {
 public:
  SimulatedDispatcher();
  ~SimulatedDispatcher() override;

  // Time goes on, step by step: timers fire when they are due.
  void advance(std::chrono::milliseconds time);
  // Runs what is there to do now.
  void runUntilIdle();

  event::SystemTime systemNow() const override { return system_now_; }
  event::MonotonicTime preciseNow() const override { return now_; }
  // There are none: scripts have no descriptors.
  std::unique_ptr<event::FdWatcher> createFdWatcher(int fd, event::FdHandler& handler) override;
  event::TimerWheel& wheel() override { return wheel_; }
  std::unique_ptr<event::Timer> createTimer(absl::AnyInvocable<void()> callback) override;
  void post(absl::AnyInvocable<void()> task) override { posts_.push_back(std::move(task)); }
  void deferDelete(std::unique_ptr<event::DeferredDeletable> object) override {
    deferred_.push_back(std::move(object));
  }
  void setAfterCallbackHook(std::function<void()> hook) override { hook_ = std::move(hook); }
  void atTurnEnd(event::TurnEndTask& task) override {
    if (!task.linked()) turn_end_.pushBack(task);
  }
  void run() override { runUntilIdle(); }
  void stop() override {}
  bool isThisThread() const override { return true; }

 private:
  class ExactTimer;
  bool turn();
  bool fireTimers();
  void afterCallback();
  event::MonotonicTime nextDue(event::MonotonicTime limit) const;

  event::SystemTime system_now_{std::chrono::seconds(1'767'225'600)};  // 2026
  event::TimerWheel wheel_;
  std::vector<ExactTimer*> timers_;
  std::function<void()> hook_;
  base::IntrusiveList<event::TurnEndTask, event::TurnEndTask> turn_end_;
  std::vector<std::unique_ptr<event::DeferredDeletable>> deferred_;
  std::deque<absl::AnyInvocable<void()>> posts_;
};

}  // namespace weir::extensions::http_filters::lua::test_runner
