#include "source/event/uv_dispatcher.h"

#include <uv.h>

#include <atomic>
#include <cassert>
#include <cstddef>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "source/base/concat.h"
#include "source/base/log.h"

namespace weir::event {
namespace {

constexpr size_t kMostFreeSlots = 4096;  // 720 KiB

uint8_t pack(FdEvents events) {
  return static_cast<uint8_t>((events.readable ? UV_READABLE : 0) |
                              (events.writable ? UV_WRITABLE : 0));
}

}  // namespace

// Everything that libuv's callbacks reach. The handles' data: of the loop, this; of a poll handle,
// its handler, or nullptr once the watcher is gone.
class UvDispatcher::Loop {
 public:
  class Watcher;
  class ExactTimer;
  struct PollSlot;
  struct TimerSlot;

  Loop() { loop_.data = this; }
  ~Loop();
  int open();

  // Runs one callback of ours and what follows it.
  template <class F>
  void callback(F&& body) {
    in_callback_ = true;
    wheel_.observe(tick());
    body();
    afterCallback();
    in_callback_ = false;
  }
  void afterCallback();
  // Outside of callbacks (before run(), or in tests) libuv's idea of the time is old.
  void refreshTime() {
    if (in_callback_) return;
    uv_update_time(&loop_);
    wheel_.observe(tick());
  }
  uint64_t tick() const {
    return (uv_now(&loop_) - start_ms_) / static_cast<uint64_t>(TimerWheel::kTick.count());
  }

  PollSlot* takeSlot();
  void giveSlot(PollSlot* slot);
  void run();
  void stop();
  void post(absl::AnyInvocable<void()> task);

  uv_loop_t loop_{};
  TimerWheel wheel_;
  std::function<void()> hook_;
  std::vector<std::unique_ptr<DeferredDeletable>> deferred_;
  std::atomic<std::thread::id> thread_{std::this_thread::get_id()};
  uint64_t system_read_ms_ = 0;
  SystemTime system_now_;

 private:
  static Loop& of(uv_loop_t* loop) { return *static_cast<Loop*>(loop->data); }
  void runPosts();
  void startWheelTimer();

  uv_async_t async_{};
  uv_prepare_t prepare_{};
  uv_timer_t wheel_timer_{};
  uint64_t wheel_timer_tick_ = TimerWheel::kNone;  // what wheel_timer_ waits for
  uint64_t start_ms_ = 0;
  bool opened_ = false;
  bool in_callback_ = false;
  std::vector<std::unique_ptr<DeferredDeletable>> deleting_;
  PollSlot* free_slots_ = nullptr;
  size_t free_slot_count_ = 0;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<absl::AnyInvocable<void()>> posts_;  // guarded by mutex_
  std::vector<absl::AnyInvocable<void()>> running_;
};

// Lives behind its handle in a PollSlot: libuv needs the handle's memory until the close callback,
// so that is what gives both back.
class UvDispatcher::Loop::Watcher final : public FdWatcher {
 public:
  explicit Watcher(bool usable) : usable_(usable) {}
  ~Watcher() override;
  static void operator delete(void*) {}
  void watch(FdEvents events) override;
  void rewatch();
  uint8_t wanted() const { return wanted_; }

 private:
  PollSlot& slot();
  uint8_t wanted_ = 0;
  const bool usable_;
};

struct UvDispatcher::Loop::PollSlot {
  uv_poll_t handle;
  alignas(Watcher) std::byte watcher[sizeof(Watcher)];

  Watcher& theWatcher() { return *std::launder(reinterpret_cast<Watcher*>(watcher)); }
  static PollSlot& of(uv_poll_t* handle) { return *reinterpret_cast<PollSlot*>(handle); }
  static void onReady(uv_poll_t* handle, int status, int events);
  static void onClosed(uv_handle_t* handle) {
    Loop::of(handle->loop).giveSlot(&of(reinterpret_cast<uv_poll_t*>(handle)));
  }
};

UvDispatcher::Loop::PollSlot& UvDispatcher::Loop::Watcher::slot() {
  static_assert(sizeof(PollSlot) <= 184, "an idle connection has one");
  return *reinterpret_cast<PollSlot*>(reinterpret_cast<std::byte*>(this) -
                                      offsetof(PollSlot, watcher));
}

UvDispatcher::Loop::Watcher::~Watcher() {
  PollSlot& own = slot();
  if (!usable_) {
    Loop::of(own.handle.loop).giveSlot(&own);
    return;
  }
  own.handle.data = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&own.handle), PollSlot::onClosed);
}

void UvDispatcher::Loop::Watcher::watch(FdEvents events) {
  const uint8_t wanted = pack(events);
  if (wanted == wanted_) return;
  wanted_ = wanted;
  rewatch();
}

void UvDispatcher::Loop::Watcher::rewatch() {
  if (usable_) uv_poll_start(&slot().handle, wanted_, PollSlot::onReady);
}

void UvDispatcher::Loop::PollSlot::onReady(uv_poll_t* handle, int status, int events) {
  PollSlot& slot = of(handle);
  Loop::of(handle->loop).callback([&] {
    auto* handler = static_cast<FdHandler*>(handle->data);
    if (handler == nullptr) return;
    // An error shows by the handler's own read or write.
    const bool failed = status < 0;
    handler->onFdReady({.readable = failed || (events & UV_READABLE) != 0,
                        .writable = failed || (events & UV_WRITABLE) != 0});
    // libuv stops watching after an error, but bytes may still wait before it: stay
    // level-triggered.
    const bool alive = handle->data != nullptr;
    if (alive && failed && slot.theWatcher().wanted() != 0) slot.theWatcher().rewatch();
  });
}

UvDispatcher::Loop::PollSlot* UvDispatcher::Loop::takeSlot() {
  if (free_slots_ == nullptr) return new PollSlot;
  PollSlot* slot = free_slots_;
  free_slots_ = static_cast<PollSlot*>(slot->handle.data);
  --free_slot_count_;
  return slot;
}

void UvDispatcher::Loop::giveSlot(PollSlot* slot) {
  // One whose watcher could not be used is still being destroyed: it always goes on the list.
  const bool closed = uv_is_closing(reinterpret_cast<uv_handle_t*>(&slot->handle)) != 0;
  if (closed && free_slot_count_ >= kMostFreeSlots) {
    delete slot;
    return;
  }
  slot->handle.data = free_slots_;
  free_slots_ = slot;
  ++free_slot_count_;
}

// The handle and the callback stay until libuv has let go of the handle.
struct UvDispatcher::Loop::TimerSlot {
  uv_timer_t handle;
  absl::AnyInvocable<void()> callback;
  bool running = false;
  bool abandoned = false;

  static TimerSlot& of(uv_timer_t* handle) { return *static_cast<TimerSlot*>(handle->data); }
  static void onTimeout(uv_timer_t* handle) {
    TimerSlot& slot = of(handle);
    Loop::of(handle->loop).callback([&slot] {
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
  if (const int error = uv_loop_init(&loop_); error != 0) return error;
  loop_.data = this;
  opened_ = true;
  start_ms_ = uv_now(&loop_);
  uv_timer_init(&loop_, &wheel_timer_);
  uv_prepare_init(&loop_, &prepare_);
  uv_prepare_start(&prepare_, [](uv_prepare_t* handle) { of(handle->loop).startWheelTimer(); });
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
  for (auto* handle :
       {reinterpret_cast<uv_handle_t*>(&wheel_timer_), reinterpret_cast<uv_handle_t*>(&prepare_),
        reinterpret_cast<uv_handle_t*>(&async_)}) {
    if (handle->type != UV_UNKNOWN_HANDLE) uv_close(handle, nullptr);
  }
  uv_run(&loop_, UV_RUN_NOWAIT);
  [[maybe_unused]] const int busy = uv_loop_close(&loop_);
  assert(busy == 0 && "a watcher or timer outlives its dispatcher");
  while (free_slots_ != nullptr) delete takeSlot();
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
  for (absl::AnyInvocable<void()>& task : running_) {
    callback([&task] {
      task();
      task = nullptr;
    });
  }
  running_.clear();
  if (stop_.exchange(false)) uv_stop(&loop_);
}

void UvDispatcher::Loop::stop() {
  stop_ = true;
  uv_async_send(&async_);
}

void UvDispatcher::Loop::run() {
  thread_ = std::this_thread::get_id();
  uv_run(&loop_, UV_RUN_DEFAULT);
  callback([] {});
}

// Before the loop sleeps: makes it wake for the wheel's next slot. No work while that stays the
// same.
void UvDispatcher::Loop::startWheelTimer() {
  const uint64_t ticks = wheel_.ticksToNext();
  const uint64_t due = ticks == TimerWheel::kNone ? ticks : wheel_.currentTick() + ticks;
  if (due == wheel_timer_tick_) return;
  wheel_timer_tick_ = due;
  if (due == TimerWheel::kNone) {
    uv_timer_stop(&wheel_timer_);
    return;
  }
  const uint64_t due_ms = start_ms_ + due * static_cast<uint64_t>(TimerWheel::kTick.count());
  const uint64_t now_ms = uv_now(&loop_);
  const auto fire = [](uv_timer_t* handle) {
    Loop& self = of(handle->loop);
    self.wheel_timer_tick_ = TimerWheel::kNone;
    self.callback([&self] { self.wheel_.advance(self.tick(), [&self] { self.afterCallback(); }); });
  };
  uv_timer_start(&wheel_timer_, fire, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

absl::StatusOr<std::unique_ptr<UvDispatcher>> UvDispatcher::create() {
  auto loop = std::make_unique<Loop>();
  if (const int error = loop->open(); error != 0) {
    return absl::UnavailableError(base::concat("cannot make an event loop: ", uv_strerror(error)));
  }
  return std::unique_ptr<UvDispatcher>(new UvDispatcher(std::move(loop)));
}

UvDispatcher::UvDispatcher(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
UvDispatcher::~UvDispatcher() = default;

MonotonicTime UvDispatcher::now() const {
  loop_->refreshTime();
  return MonotonicTime(std::chrono::milliseconds(uv_now(&loop_->loop_)));
}

SystemTime UvDispatcher::systemNow() const {
  loop_->refreshTime();
  const uint64_t now_ms = uv_now(&loop_->loop_);
  if (now_ms != loop_->system_read_ms_) {
    loop_->system_read_ms_ = now_ms;
    loop_->system_now_ = std::chrono::system_clock::now();
  }
  return loop_->system_now_;
}

MonotonicTime UvDispatcher::preciseNow() const {
  return std::chrono::steady_clock::now();
}

std::unique_ptr<FdWatcher> UvDispatcher::createFdWatcher(int fd, FdHandler& handler) {
  Loop::PollSlot* slot = loop_->takeSlot();
  slot->handle = {};
  slot->handle.loop = &loop_->loop_;
  const int error = uv_poll_init(&loop_->loop_, &slot->handle, fd);
  if (error != 0) {
    base::log::error("event", "cannot watch descriptor ", fd, ": ", uv_strerror(error));
  }
  slot->handle.data = &handler;
  return std::unique_ptr<FdWatcher>(new (slot->watcher) Loop::Watcher(error == 0));
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
