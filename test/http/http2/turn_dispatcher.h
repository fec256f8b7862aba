#pragma once

#include <cassert>
#include <memory>

#include "source/event/dispatcher.h"

namespace weir::http::http2 {

// A dispatcher with nothing but ends of turns, each a millisecond behind the one before, and a
// wheel that stands still, for what counts instructions and allocations. Worker-confined.
class TurnDispatcher final : public event::Dispatcher {
 public:
  void endTurn() {
    now_ += std::chrono::milliseconds(1);
    base::IntrusiveList<event::TurnEndTask, event::TurnEndTask> due;
    due.spliceBack(turn_end_);
    while (event::TurnEndTask* task = due.popFront()) task->onTurnEnd();
  }

  event::SystemTime systemNow() const override { return {}; }
  event::MonotonicTime preciseNow() const override { return now_; }
  std::unique_ptr<event::FdWatcher> createFdWatcher(int, event::FdHandler&) override {
    assert(false);
    return nullptr;
  }
  event::TimerWheel& wheel() override { return wheel_; }
  std::unique_ptr<event::Timer> createTimer(absl::AnyInvocable<void()>) override {
    assert(false);
    return nullptr;
  }
  void post(absl::AnyInvocable<void()>) override { assert(false); }
  void deferDelete(std::unique_ptr<event::DeferredDeletable>) override {}
  void setAfterCallbackHook(std::function<void()>) override {}
  void atTurnEnd(event::TurnEndTask& task) override {
    if (!task.linked()) turn_end_.pushBack(task);
  }
  void run() override {}
  void stop() override {}
  bool isThisThread() const override { return true; }

 private:
  event::TimerWheel wheel_;
  base::IntrusiveList<event::TurnEndTask, event::TurnEndTask> turn_end_;
};

}  // namespace weir::http::http2
