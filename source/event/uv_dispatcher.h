#pragma once

#include <memory>

#include "absl/status/statusor.h"

#include "source/event/dispatcher.h"

namespace weir::event {

// The dispatcher of a real thread: descriptors on an EpollSet, the rest on libuv. Created anywhere,
// then used on the thread that calls run() (before run(), on the creating thread). Watchers and
// timers are destroyed before it. Worker-confined but for post() and stop().
class UvDispatcher final : public Dispatcher {
 public:
  // Fails when the kernel gives no descriptors for the loop.
  static absl::StatusOr<std::unique_ptr<UvDispatcher>> create();
  // Destroys tasks and objects that still wait, without running them.
  ~UvDispatcher() override;

  SystemTime systemNow() const override;
  MonotonicTime preciseNow() const override;
  std::unique_ptr<FdWatcher> createFdWatcher(int fd, FdHandler& handler) override;
  TimerWheel& wheel() override;
  std::unique_ptr<Timer> createTimer(absl::AnyInvocable<void()> callback) override;
  void post(absl::AnyInvocable<void()> task) override;
  void deferDelete(std::unique_ptr<DeferredDeletable> object) override;
  void setAfterCallbackHook(std::function<void()> hook) override;
  void atTurnEnd(TurnEndTask& task) override;
  void run() override;
  void stop() override;
  bool isThisThread() const override;

 private:
  class Loop;
  UvDispatcher();
  MonotonicTime readTime() const override;

  std::unique_ptr<Loop> loop_;
};

}  // namespace weir::event
