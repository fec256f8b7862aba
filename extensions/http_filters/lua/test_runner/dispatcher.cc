#include "extensions/http_filters/lua/test_runner/dispatcher.h"

#include <algorithm>
#include <optional>

namespace weir::extensions::http_filters::lua::test_runner {

using event::MonotonicTime;
using std::chrono::milliseconds;

namespace {

constexpr MonotonicTime kStart{std::chrono::hours(1)};
// A script whose timers start each other anew for ever does not hold up the tests.
constexpr int kMaxTurns = 100'000;

}  // namespace

class SimulatedDispatcher::ExactTimer final : public event::Timer {
 public:
  ExactTimer(SimulatedDispatcher& owner, absl::AnyInvocable<void()> callback)
      : owner_(owner),
        callback_(std::make_shared<absl::AnyInvocable<void()>>(std::move(callback))) {
    owner.timers_.push_back(this);
  }
  ~ExactTimer() override { std::erase(owner_.timers_, this); }
  void start(milliseconds delay) override {
    deadline_ = owner_.now_ + std::max(delay, milliseconds(0));
  }
  void cancel() override { deadline_.reset(); }
  bool running() const override { return deadline_.has_value(); }

  std::optional<MonotonicTime> deadline() const { return deadline_; }
  void fire() {
    deadline_.reset();
    const auto callback = callback_;  // it may destroy the timer
    (*callback)();
  }

 private:
  SimulatedDispatcher& owner_;
  std::shared_ptr<absl::AnyInvocable<void()>> callback_;
  std::optional<MonotonicTime> deadline_;
};

SimulatedDispatcher::SimulatedDispatcher() {
  now_ = kStart;
}

SimulatedDispatcher::~SimulatedDispatcher() {
  while (!posts_.empty() || !deferred_.empty()) {
    std::exchange(posts_, {});
    std::exchange(deferred_, {});
  }
}

void SimulatedDispatcher::advance(milliseconds time) {
  const MonotonicTime end = now_ + time;
  runUntilIdle();
  for (int i = 0; now_ < end && i < kMaxTurns; ++i) {
    const MonotonicTime next = nextDue(end);
    system_now_ += std::chrono::duration_cast<event::SystemTime::duration>(next - now_);
    now_ = next;
    wheel_.advance(static_cast<uint64_t>((now_ - kStart) / event::TimerWheel::kTick),
                   [this] { afterCallback(); });
    runUntilIdle();
  }
}

void SimulatedDispatcher::runUntilIdle() {
  for (int i = 0; i < kMaxTurns && turn(); ++i) {
  }
}

bool SimulatedDispatcher::turn() {
  bool busy = fireTimers();
  for (auto& task : std::exchange(posts_, {})) {
    busy = true;
    task();
    afterCallback();
  }
  base::IntrusiveList<event::TurnEndTask, event::TurnEndTask> due;
  due.spliceBack(turn_end_);
  while (event::TurnEndTask* const task = due.popFront()) {
    busy = true;
    task->onTurnEnd();
    afterCallback();
  }
  if (deferred_.empty()) return busy;
  afterCallback();
  return true;
}

void SimulatedDispatcher::afterCallback() {
  do {
    if (hook_) hook_();
    std::exchange(deferred_, {});
  } while (!deferred_.empty());
}

// The earliest moment, at most `limit`, at which a timer may be due: always later than now.
MonotonicTime SimulatedDispatcher::nextDue(MonotonicTime limit) const {
  MonotonicTime next = limit;
  for (const ExactTimer* timer : timers_) {
    if (timer->deadline()) next = std::min(next, *timer->deadline());
  }
  if (const uint64_t ticks = wheel_.ticksToNext(); ticks != event::TimerWheel::kNone) {
    const uint64_t tick = wheel_.currentTick() + std::max<uint64_t>(ticks, 1);
    next = std::min(next, kStart + event::TimerWheel::kTick * static_cast<int64_t>(tick));
  }
  return std::min(std::max(next, now_ + milliseconds(1)), limit);
}

// One that is due, the earliest first.
bool SimulatedDispatcher::fireTimers() {
  ExactTimer* first = nullptr;
  for (ExactTimer* const timer : timers_) {
    if (!timer->deadline() || *timer->deadline() > now_) continue;
    if (first == nullptr || *timer->deadline() < *first->deadline()) first = timer;
  }
  if (first == nullptr) return false;
  first->fire();
  afterCallback();
  return true;
}

std::unique_ptr<event::FdWatcher> SimulatedDispatcher::createFdWatcher(int, event::FdHandler&) {
  return nullptr;
}

std::unique_ptr<event::Timer> SimulatedDispatcher::createTimer(
    absl::AnyInvocable<void()> callback) {
  return std::make_unique<ExactTimer>(*this, std::move(callback));
}

}  // namespace weir::extensions::http_filters::lua::test_runner
