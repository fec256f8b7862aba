#include "source/lua/watchdog.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <vector>

#include <luajit-2.1/lua.hpp>

namespace weir::lua {

// All threads that run Lua, and the one sleeper that they may have to wake.
struct WatchList {
  static WatchList& get() {
    // Outlives every thread: threads leave it when they end, in any order.
    static WatchList* const list = new WatchList;
    return *list;
  }
  // Whether any runs Lua with a budget, after having condemned those who have used it up.
  bool look();
  static void examine(WatchedThread& thread, uint64_t sequence);

  std::mutex mutex;  // guards `threads`
  std::vector<WatchedThread*> threads;
};

namespace {

// The least disturbing signal: ignored by default, and nothing else here uses it.
constexpr int kSignal = SIGURG;

thread_local WatchedThread* t_watched = nullptr;
std::atomic<bool> g_asleep{false};

std::mutex g_wake_mutex;
std::condition_variable g_wake;

int64_t nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void wakeWatchdog() {
  {
    const std::lock_guard lock(g_wake_mutex);
    g_asleep.store(false, std::memory_order_relaxed);
  }
  g_wake.notify_all();
}

}  // namespace

WatchedThread& WatchedThread::current() {
  static thread_local WatchedThread thread;
  return thread;
}

WatchedThread::WatchedThread() {
  pthread_getcpuclockid(pthread_self(), &clock_);
  thread_id_ = static_cast<int>(syscall(SYS_gettid));
  t_watched = this;
  WatchList& list = WatchList::get();
  const std::lock_guard lock(list.mutex);
  list.threads.push_back(this);
}

WatchedThread::~WatchedThread() {
  t_watched = nullptr;
  WatchList& list = WatchList::get();
  const std::lock_guard lock(list.mutex);
  list.threads.erase(std::find(list.threads.begin(), list.threads.end(), this));
}

WatchedThread::Outer WatchedThread::enter(lua_State* state, std::chrono::nanoseconds budget) {
  const Outer outer{state_.load(std::memory_order_relaxed),
                    budget_ns_.load(std::memory_order_relaxed)};
  state_.store(state, std::memory_order_relaxed);
  if (budget.count() == 0 || outer.budget_ns != 0) return outer;
  budget_ns_.store(budget.count(), std::memory_order_relaxed);
  // The handler, on this thread, must find the state when it finds the sequence.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  sequence_.store(sequence_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  if (g_asleep.load(std::memory_order_relaxed)) [[unlikely]]
    wakeWatchdog();
  return outer;
}

bool WatchedThread::leave(lua_State* state, const Outer& outer) {
  const bool outermost = outer.budget_ns == 0 && budget_ns_.load(std::memory_order_relaxed) != 0;
  if (outermost) {
    sequence_.store(sequence_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    budget_ns_.store(0, std::memory_order_relaxed);
  }
  std::atomic_signal_fence(std::memory_order_seq_cst);
  const bool raised = raised_;
  if (hooked_.load(std::memory_order_relaxed)) {
    state_.store(nullptr, std::memory_order_relaxed);  // no handler between here and there
    std::atomic_signal_fence(std::memory_order_seq_cst);
    lua_sethook(state, nullptr, 0, 0);
    if (outermost) {
      hooked_.store(false, std::memory_order_relaxed);
      raised_ = false;
    }
  }
  state_.store(outer.state, std::memory_order_relaxed);
  return raised;
}

// On the thread that is condemned, at any instruction of it. lua_sethook() is what LuaJIT allows
// here. Off and on again, as it may have interrupted LuaJIT while that changed the same tables,
// and would then be half forgotten; the watchdog repeats the signal until the call has ended.
void WatchedThread::onSignal(int) {
  WatchedThread* const self = t_watched;
  if (self == nullptr || !self->condemned()) return;
  lua_State* const state = self->state_.load(std::memory_order_relaxed);
  if (state == nullptr) return;
  self->hooked_.store(true, std::memory_order_relaxed);
  lua_sethook(state, nullptr, 0, 0);
  lua_sethook(state, &WatchedThread::onHook, LUA_MASKCOUNT, 1);
}

void WatchedThread::check(lua_State* state) {
  onHook(state, nullptr);
}

void WatchedThread::onHook(lua_State* state, lua_Debug*) {
  WatchedThread* const self = t_watched;
  if (self == nullptr || !self->condemned()) return;
  self->raised_ = true;
  const auto budget = std::chrono::nanoseconds(self->budget_ns_.load(std::memory_order_relaxed));
  lua_Debug where;
  const int milliseconds =
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(budget).count());
  // Level 0 is the script's in a hook, and a C function in check().
  for (int level = 0; level < 2; ++level) {
    if (lua_getstack(state, level, &where) == 0 || lua_getinfo(state, "Sl", &where) == 0) break;
    if (where.currentline <= 0) continue;
    lua_pushfstring(state, "%s:%d: its CPU time of %d ms is used up", where.short_src,
                    where.currentline, milliseconds);
    lua_error(state);
  }
  lua_pushfstring(state, "its CPU time of %d ms is used up", milliseconds);
  lua_error(state);
}

bool WatchList::look() {
  const std::lock_guard lock(mutex);
  bool running = false;
  for (WatchedThread* const thread : threads) {
    const uint64_t sequence = thread->sequence_.load(std::memory_order_acquire);
    if (sequence != thread->seen_) running = true;
    if (sequence % 2 == 1) {
      running = true;
      examine(*thread, sequence);
    }
    thread->seen_ = sequence;
  }
  return running;
}

void WatchList::examine(WatchedThread& thread, uint64_t sequence) {
  timespec cpu;
  if (clock_gettime(thread.clock_, &cpu) != 0) return;  // check: allow(banned): CPU time
  const int64_t now = nanoseconds(cpu);
  if (thread.seen_ != sequence) {
    thread.seen_cpu_ns_ = now;
    return;
  }
  const int64_t budget = thread.budget_ns_.load(std::memory_order_relaxed);
  if (budget == 0 || now - thread.seen_cpu_ns_ < budget) return;
  thread.condemned_.store(sequence, std::memory_order_relaxed);
  syscall(SYS_tgkill, getpid(), thread.thread_id_, kSignal);
}

std::shared_ptr<Watchdog> Watchdog::get() {
  static std::mutex mutex;
  static std::weak_ptr<Watchdog> current;
  const std::lock_guard lock(mutex);
  std::shared_ptr<Watchdog> watchdog = current.lock();
  if (watchdog == nullptr) {
    watchdog.reset(new Watchdog);
    current = watchdog;
  }
  return watchdog;
}

Watchdog::Watchdog() {
  struct sigaction action = {};
  action.sa_handler = &WatchedThread::onSignal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(kSignal, &action, nullptr);
  thread_ = std::thread([this] { run(); });  // check: allow(banned): watches all others
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(g_wake_mutex);
    stop_ = true;
    g_asleep.store(false, std::memory_order_relaxed);
  }
  g_wake.notify_all();
  thread_.join();
}

void Watchdog::run() {
  pthread_setname_np(pthread_self(), "lua-watchdog");
  int idle = 0;
  std::unique_lock lock(g_wake_mutex);
  while (!stop_) {
    if (idle < kIdleTurns) {
      g_wake.wait_for(lock, kTick);
    } else {
      g_asleep.store(true, std::memory_order_relaxed);
      g_wake.wait_for(lock, kSleep);
      g_asleep.store(false, std::memory_order_relaxed);
    }
    if (stop_) break;
    lock.unlock();
    idle = WatchList::get().look() ? 0 : idle + 1;
    lock.lock();
  }
}

}  // namespace weir::lua
