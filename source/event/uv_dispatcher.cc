#include "source/event/uv_dispatcher.h"

#include <uv.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "source/base/concat.h"
#include "source/event/epoll_set.h"

namespace weir::event {
namespace {

// A timeout in ms for epoll, of which `ms` may be more than it takes.
int timeoutOf(uint64_t ms) {
  constexpr uint64_t kMost = 3'600'000;
  return static_cast<int>(std::min(ms, kMost));
}

}  // namespace

// The loop itself: descriptors on an epoll set of its own, libuv's loop embedded in that set by its
// backend descriptor (as uv_backend_fd is documented for) for posts, exact timers and what other
// libraries bring.
class UvDispatcher::Loop {
 public:
  class ExactTimer;
  struct TimerSlot;

  explicit Loop(UvDispatcher& owner) : owner_(owner) {
    loop_.data = this;
    owner.stale_ = true;
  }
  ~Loop();
  int open();

  // Runs one callback of ours and what follows it, at the time that takeTime() took.
  template <class F>
  void callback(F&& body) {
    owner_.stale_ = false;
    body();
    afterCallback();
    owner_.stale_ = true;
  }
  void afterCallback();
  // Everybody's time is libuv's from now on.
  void takeTime() {
    now_ms_ = uv_now(&loop_);
    owner_.now_ = MonotonicTime(std::chrono::milliseconds(now_ms_));
    tick_ = (now_ms_ - start_ms_) / static_cast<uint64_t>(TimerWheel::kTick.count());
    wheel_.observe(tick_);
  }
  // Outside of callbacks (before run(), or in tests) the time is old.
  void refreshTime() {
    if (!owner_.stale_) return;
    uv_update_time(&loop_);
    takeTime();
  }

  void run();
  void stop();
  void post(absl::AnyInvocable<void()> task);

  uv_loop_t loop_{};
  EpollSet watchers_;
  TimerWheel wheel_;
  std::function<void()> hook_;
  base::IntrusiveList<TurnEndTask, TurnEndTask> turn_end_;
  std::vector<std::unique_ptr<DeferredDeletable>> deferred_;
  std::atomic<std::thread::id> thread_{std::this_thread::get_id()};
  uint64_t now_ms_ = 0;  // as libuv counts
  uint64_t system_read_ms_ = 0;
  SystemTime system_now_;

 private:
  static Loop& of(uv_loop_t* loop) { return *static_cast<Loop*>(loop->data); }
  void runPosts();
  void turn();
  void runTurnEnd();
  int sleepFor(int uv_ms) const;

  UvDispatcher& owner_;
  uv_async_t async_{};
  uint64_t start_ms_ = 0;
  uint64_t tick_ = 0;
  bool opened_ = false;
  std::vector<std::unique_ptr<DeferredDeletable>> deleting_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<absl::AnyInvocable<void()>> posts_;  // guarded by mutex_
  std::vector<absl::AnyInvocable<void()>> running_;
};

// The handle and the callback stay until libuv has let go of the handle.
struct UvDispatcher::Loop::TimerSlot {
  uv_timer_t handle;
  absl::AnyInvocable<void()> callback;
  bool running = false;
  bool abandoned = false;

  static TimerSlot& of(uv_timer_t* handle) { return *static_cast<TimerSlot*>(handle->data); }
  static void onTimeout(uv_timer_t* handle) {
    TimerSlot& slot = of(handle);
    Loop& loop = Loop::of(handle->loop);
    loop.takeTime();
    loop.callback([&slot] {
      slot.running = true;
      slot.callback();
      slot.running = false;
      if (slot.abandoned) slot.callback = nullptr;
    });
  }
  static void onClosed(uv_handle_t* handle) { delete &of(reinterpret_cast<uv_timer_t*>(handle)); }
};

class UvDispatcher::Loop::ExactTimer final : public Timer {
 public:
  ExactTimer(Loop& loop, absl::AnyInvocable<void()> callback)
      : loop_(loop), slot_(*new TimerSlot{{}, std::move(callback)}) {
    uv_timer_init(&loop.loop_, &slot_.handle);
    slot_.handle.data = &slot_;
  }
  ~ExactTimer() override {
    slot_.abandoned = true;
    if (!slot_.running) slot_.callback = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&slot_.handle), TimerSlot::onClosed);
  }
  void start(std::chrono::milliseconds delay) override {
    loop_.refreshTime();
    const uint64_t ms = delay.count() > 0 ? static_cast<uint64_t>(delay.count()) : 0;
    uv_timer_start(&slot_.handle, TimerSlot::onTimeout, ms, 0);
  }
  void cancel() override { uv_timer_stop(&slot_.handle); }
  bool running() const override {
    return uv_is_active(reinterpret_cast<uv_handle_t*>(&slot_.handle)) != 0;
  }

 private:
  Loop& loop_;
  TimerSlot& slot_;
};

int UvDispatcher::Loop::open() {
  if (const int error = watchers_.open(); error != 0) return uv_translate_sys_error(error);
  if (const int error = uv_loop_init(&loop_); error != 0) return error;
  loop_.data = this;
  opened_ = true;
  start_ms_ = uv_now(&loop_);
  if (const int error = watchers_.watchForeign(uv_backend_fd(&loop_)); error != 0) {
    return uv_translate_sys_error(error);
  }
  return uv_async_init(&loop_, &async_, [](uv_async_t* handle) { of(handle->loop).runPosts(); });
}

UvDispatcher::Loop::~Loop() {
  if (!opened_) return;
  // They may own watchers, timers, or each other; what they post or defer goes as well.
  while (true) {
    std::vector<absl::AnyInvocable<void()>> posts;
    {
      const std::lock_guard lock(mutex_);
      posts.swap(posts_);
    }
    deleting_.swap(deferred_);
    if (posts.empty() && deleting_.empty()) break;
    posts.clear();
    deleting_.clear();
  }
  auto* async = reinterpret_cast<uv_handle_t*>(&async_);
  if (async->type != UV_UNKNOWN_HANDLE) uv_close(async, nullptr);
  uv_run(&loop_, UV_RUN_NOWAIT);
  [[maybe_unused]] const int busy = uv_loop_close(&loop_);
  assert(busy == 0 && "a timer outlives its dispatcher");
}

void UvDispatcher::Loop::afterCallback() {
  while (true) {
    if (hook_) hook_();
    if (deferred_.empty()) return;
    deleting_.swap(deferred_);
    deleting_.clear();  // the hook runs again for what destructors wrote
  }
}

void UvDispatcher::Loop::post(absl::AnyInvocable<void()> task) {
  bool first;
  {
    const std::lock_guard lock(mutex_);
    first = posts_.empty();
    posts_.push_back(std::move(task));
  }
  if (first) uv_async_send(&async_);
}

void UvDispatcher::Loop::runPosts() {
  {
    const std::lock_guard lock(mutex_);
    running_.swap(posts_);
  }
  takeTime();
  for (absl::AnyInvocable<void()>& task : running_) {
    callback([&task] {
      task();
      task = nullptr;
    });
  }
  running_.clear();
}

void UvDispatcher::Loop::stop() {
  stop_ = true;
  uv_async_send(&async_);
}

void UvDispatcher::Loop::run() {
  thread_ = std::this_thread::get_id();
  takeTime();
  while (!stop_.load(std::memory_order_acquire)) turn();
  stop_ = false;
  callback([] {});
}

// How long the wheel, what waits for the turn's end, and libuv (`uv_ms`) let the loop sleep.
int UvDispatcher::Loop::sleepFor(int uv_ms) const {
  if (!turn_end_.empty()) return 0;
  const uint64_t ticks = wheel_.ticksToNext();
  if (ticks == TimerWheel::kNone) return uv_ms;
  constexpr uint64_t kTickMs = TimerWheel::kTick.count();
  const uint64_t due_ms = start_ms_ + (wheel_.currentTick() + ticks) * kTickMs;
  const int wheel_ms = timeoutOf(due_ms > now_ms_ ? due_ms - now_ms_ : 0);
  return uv_ms < 0 ? wheel_ms : std::min(uv_ms, wheel_ms);
}

void UvDispatcher::Loop::turn() {
  // Until an exact timer is due, or a handle is to be closed.
  const int uv_ms = uv_backend_timeout(&loop_);
  const uint64_t before_ms = now_ms_;
  watchers_.wait(sleepFor(uv_ms));
  uv_update_time(&loop_);
  takeTime();
  const bool uv_ready = watchers_.dispatch([this](FdHandler& handler, FdEvents events) {
    callback([&] { handler.onFdReady(events); });
  });
  if (wheel_.ticksToNext() == 0) {
    callback([this] { wheel_.advance(tick_, [this] { afterCallback(); }); });
  }
  const bool uv_due = uv_ms >= 0 && now_ms_ - before_ms >= static_cast<uint64_t>(uv_ms);
  if (uv_ready || uv_due) uv_run(&loop_, UV_RUN_NOWAIT);
  if (!turn_end_.empty()) runTurnEnd();
}

void UvDispatcher::Loop::runTurnEnd() {
  base::IntrusiveList<TurnEndTask, TurnEndTask> due;  // what they add waits for the next turn
  due.spliceBack(turn_end_);
  while (TurnEndTask* task = due.popFront()) {
    callback([task] { task->onTurnEnd(); });
  }
}

absl::StatusOr<std::unique_ptr<UvDispatcher>> UvDispatcher::create() {
  std::unique_ptr<UvDispatcher> dispatcher(new UvDispatcher);
  if (const int error = dispatcher->loop_->open(); error != 0) {
    return absl::UnavailableError(base::concat("cannot make an event loop: ", uv_strerror(error)));
  }
  return dispatcher;
}

UvDispatcher::UvDispatcher() : loop_(std::make_unique<Loop>(*this)) {}
UvDispatcher::~UvDispatcher() = default;

MonotonicTime UvDispatcher::readTime() const {
  loop_->refreshTime();
  return now_;
}

SystemTime UvDispatcher::systemNow() const {
  loop_->refreshTime();
  if (loop_->now_ms_ != loop_->system_read_ms_) {
    loop_->system_read_ms_ = loop_->now_ms_;
    loop_->system_now_ = std::chrono::system_clock::now();
  }
  return loop_->system_now_;
}

MonotonicTime UvDispatcher::preciseNow() const {
  return std::chrono::steady_clock::now();
}

std::unique_ptr<FdWatcher> UvDispatcher::createFdWatcher(int fd, FdHandler& handler) {
  return loop_->watchers_.createWatcher(fd, handler);
}

TimerWheel& UvDispatcher::wheel() {
  loop_->refreshTime();
  return loop_->wheel_;
}

std::unique_ptr<Timer> UvDispatcher::createTimer(absl::AnyInvocable<void()> callback) {
  return std::make_unique<Loop::ExactTimer>(*loop_, std::move(callback));
}

void UvDispatcher::post(absl::AnyInvocable<void()> task) {
  loop_->post(std::move(task));
}

void UvDispatcher::deferDelete(std::unique_ptr<DeferredDeletable> object) {
  loop_->deferred_.push_back(std::move(object));
}

void UvDispatcher::setAfterCallbackHook(std::function<void()> hook) {
  loop_->hook_ = std::move(hook);
}

void UvDispatcher::atTurnEnd(TurnEndTask& task) {
  if (!task.linked()) loop_->turn_end_.pushBack(task);
}

void UvDispatcher::run() {
  loop_->run();
}
void UvDispatcher::stop() {
  loop_->stop();
}
bool UvDispatcher::isThisThread() const {
  return loop_->thread_ == std::this_thread::get_id();
}

}  // namespace weir::event
