#include "test/fakes/fake_dispatcher.h"

#include <poll.h>

#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>

namespace weir::event {
namespace {

using std::chrono::milliseconds;

constexpr MonotonicTime kStart{std::chrono::hours(1)};
constexpr SystemTime kSystemStart{std::chrono::seconds(1767225600)};

}  // namespace

class FakeDispatcher::Watcher final : public FdWatcher {
 public:
  Watcher(FakeDispatcher& owner, int fd, FdHandler& handler)
      : owner_(owner), fd_(fd), handler_(handler) {
    [[maybe_unused]] const bool inserted = owner.watchers_.emplace(fd, this).second;
    assert(inserted && "the descriptor has a watcher already");
  }
  ~Watcher() override { owner_.watchers_.erase(fd_); }
  void watch(FdEvents events) override {
    if (events.readable == events_.readable && events.writable == events_.writable) return;
    events_ = events;
    ++owner_.watch_changes_;
  }
  FdEvents events() const { return events_; }
  FdHandler& handler() const { return handler_; }

 private:
  FakeDispatcher& owner_;
  const int fd_;
  FdHandler& handler_;
  FdEvents events_;
};

class FakeDispatcher::ExactTimer final : public Timer {
 public:
  ExactTimer(FakeDispatcher& owner, absl::AnyInvocable<void()> callback)
      : owner_(owner),
        callback_(std::make_shared<absl::AnyInvocable<void()>>(std::move(callback))) {
    owner.timers_.push_back(this);
  }
  ~ExactTimer() override { std::erase(owner_.timers_, this); }
  void start(milliseconds delay) override {
    deadline_ = owner_.now_ + std::max(delay, milliseconds(0));
    sequence_ = ++owner_.timer_sequence_;
  }
  void cancel() override { deadline_.reset(); }
  bool running() const override { return deadline_.has_value(); }

  bool before(const ExactTimer& other) const {
    return std::pair(*deadline_, sequence_) < std::pair(*other.deadline_, other.sequence_);
  }
  std::optional<MonotonicTime> deadline() const { return deadline_; }
  uint64_t sequence() const { return sequence_; }
  void fire() {
    deadline_.reset();
    const auto callback = callback_;  // it may destroy the timer
    (*callback)();
  }

 private:
  FakeDispatcher& owner_;
  std::shared_ptr<absl::AnyInvocable<void()>> callback_;
  std::optional<MonotonicTime> deadline_;
  uint64_t sequence_ = 0;
};

FakeDispatcher::FakeDispatcher() : system_now_(kSystemStart) {
  now_ = kStart;
}

FakeDispatcher::~FakeDispatcher() {
  while (!posts_.empty() || !deferred_.empty()) {
    std::exchange(posts_, {});
    std::exchange(deferred_, {});
  }
  assert(watchers_.empty() && timers_.empty() && "a watcher or timer outlives its dispatcher");
}

void FakeDispatcher::advance(milliseconds time) {
  const MonotonicTime end = now_ + time;
  runUntilIdle();
  while (now_ < end) {
    stepTo(nextDue(end));
    runUntilIdle();
  }
}

void FakeDispatcher::standStill(milliseconds time) {
  now_ += time;
  system_now_ += time;
}

bool FakeDispatcher::runUntilIdle(int max_turns) {
  for (int i = 0; i < max_turns; ++i) {
    if (!turn()) return true;
  }
  return false;
}

bool FakeDispatcher::runUntil(const std::function<bool()>& done, milliseconds real_limit) {
  const auto end = std::chrono::steady_clock::now() + real_limit;
  while (!done()) {
    if (turn()) continue;
    if (std::chrono::steady_clock::now() >= end) return false;
    pollFds(/*timeout_ms=*/1);
  }
  return true;
}

void FakeDispatcher::run() {
  runUntil([this] {
    const std::lock_guard lock(mutex_);
    return stopped_;
  });
  afterCallback();
}

void FakeDispatcher::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
}

// Whether anything was there to do.
bool FakeDispatcher::turn() {
  bool busy = runPosts();
  busy |= fireTimers();
  busy |= pollFds(/*timeout_ms=*/0);
  if (!deferred_.empty()) {
    busy = true;
    afterCallback();
  }
  busy |= runTurnEnd();
  return busy;
}

bool FakeDispatcher::runTurnEnd() {
  base::IntrusiveList<TurnEndTask, TurnEndTask> due;
  due.spliceBack(turn_end_);
  bool any = false;
  while (TurnEndTask* task = due.popFront()) {
    any = true;
    task->onTurnEnd();
    afterCallback();
  }
  return any;
}

bool FakeDispatcher::runPosts() {
  std::deque<absl::AnyInvocable<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posts_);
  }
  for (auto& task : tasks) {
    task();
    task = nullptr;
    afterCallback();
  }
  return !tasks.empty();
}

bool FakeDispatcher::pollFds(int timeout_ms) {
  std::vector<pollfd> fds;
  std::vector<Watcher*> watchers;
  if (poll_fds_) {
    for (const auto& [fd, watcher] : watchers_) {
      const FdEvents events = watcher->events();
      const int wanted = (events.readable ? POLLIN : 0) | (events.writable ? POLLOUT : 0);
      if (wanted == 0) continue;
      fds.push_back({fd, static_cast<short>(wanted), 0});
      watchers.push_back(watcher);
    }
  }
  if (poll(fds.data(), fds.size(), timeout_ms) <= 0) return false;
  for (size_t i = 0; i < fds.size(); ++i) {
    const int ready = fds[i].revents;
    const auto found = watchers_.find(fds[i].fd);
    // An earlier callback may have ended this one, or replaced it.
    if (ready == 0 || found == watchers_.end() || found->second != watchers[i]) continue;
    const bool failed = (ready & (POLLERR | POLLNVAL)) != 0;
    const bool hung_up = (ready & POLLHUP) != 0;
    const FdEvents wanted = found->second->events();
    const FdEvents events{
        .readable = failed || (wanted.readable && (hung_up || (ready & POLLIN) != 0)),
        .writable = failed || (wanted.writable && (hung_up || (ready & POLLOUT) != 0))};
    if (events.readable || events.writable) fire(fds[i].fd, events);
  }
  return true;
}

void FakeDispatcher::fire(int fd, FdEvents events) {
  const auto found = watchers_.find(fd);
  assert(found != watchers_.end());
  if (found == watchers_.end()) return;
  found->second->handler().onFdReady(events);
  afterCallback();
}

bool FakeDispatcher::hasWatcher(int fd) const {
  return watchers_.contains(fd);
}

FdEvents FakeDispatcher::watched(int fd) const {
  const auto found = watchers_.find(fd);
  return found == watchers_.end() ? FdEvents{} : found->second->events();
}

void FakeDispatcher::afterCallback() {
  while (true) {
    if (hook_) hook_();
    if (deferred_.empty()) return;
    std::exchange(deferred_, {});
  }
}

// The earliest moment, at most `limit`, at which a timer may be due.
MonotonicTime FakeDispatcher::nextDue(MonotonicTime limit) const {
  MonotonicTime next = limit;
  for (const ExactTimer* timer : timers_) {
    if (timer->deadline()) next = std::min(next, *timer->deadline());
  }
  if (const uint64_t ticks = wheel_.ticksToNext(); ticks != TimerWheel::kNone) {
    const uint64_t tick = wheel_.currentTick() + ticks;
    next = std::min(next, kStart + TimerWheel::kTick * static_cast<int64_t>(tick));
  }
  return std::max(next, now_);
}

void FakeDispatcher::stepTo(MonotonicTime time) {
  system_now_ += std::chrono::duration_cast<SystemTime::duration>(time - now_);
  now_ = time;
  wheel_.advance(static_cast<uint64_t>((now_ - kStart) / TimerWheel::kTick),
                 [this] { afterCallback(); });
  fireTimers();
}

// Those due now, in order of deadline; what they start anew waits for the next turn.
bool FakeDispatcher::fireTimers() {
  const uint64_t started_before = timer_sequence_;
  bool fired = false;
  while (true) {
    ExactTimer* first = nullptr;
    for (ExactTimer* timer : timers_) {
      if (!timer->deadline() || *timer->deadline() > now_) continue;
      if (timer->sequence() > started_before) continue;
      if (first == nullptr || timer->before(*first)) first = timer;
    }
    if (first == nullptr) return fired;
    first->fire();
    afterCallback();
    fired = true;
  }
}

std::unique_ptr<FdWatcher> FakeDispatcher::createFdWatcher(int fd, FdHandler& handler) {
  return std::make_unique<Watcher>(*this, fd, handler);
}

std::unique_ptr<Timer> FakeDispatcher::createTimer(absl::AnyInvocable<void()> callback) {
  return std::make_unique<ExactTimer>(*this, std::move(callback));
}

void FakeDispatcher::post(absl::AnyInvocable<void()> task) {
  const std::lock_guard lock(mutex_);
  if (!stopped_) posts_.push_back(std::move(task));
}

void FakeDispatcher::deferDelete(std::unique_ptr<DeferredDeletable> object) {
  deferred_.push_back(std::move(object));
}

}  // namespace weir::event
