#include "source/event/uv_dispatcher.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/fd.h"
#include "source/base/log.h"

namespace weir::event {
namespace {

using std::chrono::milliseconds;

struct Handler final : FdHandler {
  void onFdReady(FdEvents events) override {
    ++calls;
    last = events;
    if (then) then();
  }
  int calls = 0;
  FdEvents last;
  std::function<void()> then;
};

struct Deferred final : DeferredDeletable {
  explicit Deferred(std::function<void()> on_delete) : on_delete(std::move(on_delete)) {}
  ~Deferred() override { on_delete(); }
  std::function<void()> on_delete;
};

struct Pair {
  Pair() {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    a.reset(fds[0]);
    b.reset(fds[1]);
  }
  base::UniqueFd a;
  base::UniqueFd b;
};

std::string readAll(int fd) {
  char bytes[256];
  const ssize_t count = read(fd, bytes, sizeof bytes);
  return count > 0 ? std::string(bytes, static_cast<size_t>(count)) : std::string();
}

class UvDispatcherTest : public testing::Test {
 protected:
  // Runs until stop(), at most ten seconds.
  void run() {
    auto limit = dispatcher_->createTimer([this] {
      ADD_FAILURE() << "took too long";
      dispatcher_->stop();
    });
    limit->start(milliseconds(10'000));
    dispatcher_->run();
  }
  std::unique_ptr<UvDispatcher> dispatcher_ = *UvDispatcher::create();
};

TEST_F(UvDispatcherTest, DeliversReadinessUntilItIsUsedUp) {
  Pair pair;
  Handler handler;
  auto watcher = dispatcher_->createFdWatcher(pair.a.get(), handler);
  watcher->watch({.readable = true});
  ASSERT_EQ(write(pair.b.get(), "hello", 5), 5);
  handler.then = [&] {
    EXPECT_TRUE(handler.last.readable);
    EXPECT_FALSE(handler.last.writable);
    if (handler.calls < 2) return;  // level-triggered: comes again
    EXPECT_EQ(readAll(pair.a.get()), "hello");
    dispatcher_->stop();
  };
  run();
  EXPECT_EQ(handler.calls, 2);
}

TEST_F(UvDispatcherTest, WatchesForWritingOnDemand) {
  Pair pair;
  Handler handler;
  auto watcher = dispatcher_->createFdWatcher(pair.a.get(), handler);
  watcher->watch({.readable = true, .writable = true});
  handler.then = [&] {
    EXPECT_TRUE(handler.last.writable);
    watcher->watch({.readable = true});
    dispatcher_->post([&] { dispatcher_->stop(); });
  };
  run();
  EXPECT_EQ(handler.calls, 1);
}

TEST_F(UvDispatcherTest, WatcherMayGoInItsOwnCallbackAndTheOthers) {
  Pair first;
  Pair second;
  Handler one;
  Handler two;
  auto watch_one = dispatcher_->createFdWatcher(first.a.get(), one);
  auto watch_two = dispatcher_->createFdWatcher(second.a.get(), two);
  watch_one->watch({.readable = true});
  watch_two->watch({.readable = true});
  ASSERT_EQ(write(first.b.get(), "x", 1), 1);
  ASSERT_EQ(write(second.b.get(), "x", 1), 1);
  // Both are ready in the same turn: whoever comes first ends both.
  one.then = two.then = [&] {
    watch_one.reset();
    watch_two.reset();
    dispatcher_->post([&] { dispatcher_->stop(); });
  };
  run();
  EXPECT_EQ(one.calls + two.calls, 1);
}

TEST_F(UvDispatcherTest, AReusedDescriptorGetsNoOldEvents) {
  Pair old_pair;
  Pair killer;
  Handler old_handler;
  Handler new_handler;
  Handler kill;
  const int fd = old_pair.a.get();
  auto kill_watcher = dispatcher_->createFdWatcher(killer.a.get(), kill);
  auto watcher = dispatcher_->createFdWatcher(fd, old_handler);
  kill_watcher->watch({.readable = true});
  watcher->watch({.readable = true});
  ASSERT_EQ(write(killer.b.get(), "x", 1), 1);
  ASSERT_EQ(write(old_pair.b.get(), "x", 1), 1);
  Pair fresh;
  bool replaced = false;
  const auto replace = [&] {
    if (replaced) return;
    replaced = true;
    watcher.reset();
    ASSERT_EQ(dup2(fresh.a.get(), fd), fd);
    watcher = dispatcher_->createFdWatcher(fd, new_handler);
    watcher->watch({.readable = true});
    readAll(killer.a.get());
    dispatcher_->post([&] { dispatcher_->post([&] { dispatcher_->stop(); }); });
  };
  kill.then = replace;
  old_handler.then = replace;
  run();
  EXPECT_EQ(new_handler.calls, 0);
}

TEST_F(UvDispatcherTest, AnErrorComesAsReadiness) {
  int fds[2];
  ASSERT_EQ(pipe2(fds, O_NONBLOCK), 0);
  base::UniqueFd reader(fds[0]);
  base::UniqueFd writer(fds[1]);
  std::string filler(1 << 20, 'x');
  ASSERT_GT(write(writer.get(), filler.data(), filler.size()), 0);
  Handler handler;
  auto watcher = dispatcher_->createFdWatcher(writer.get(), handler);
  watcher->watch({.writable = true});
  reader.reset();  // the write end now has EPOLLERR
  handler.then = [&] {
    EXPECT_TRUE(handler.last.readable);
    EXPECT_TRUE(handler.last.writable);
    if (handler.calls == 3) dispatcher_->stop();  // stays level-triggered
  };
  run();
  EXPECT_GE(handler.calls, 3);
}

TEST_F(UvDispatcherTest, ADescriptorThatCannotBeWatchedIsHarmless) {
  base::log::setLevel("event", base::log::Level::kOff);
  Handler handler;
  auto watcher = dispatcher_->createFdWatcher(1'000'000, handler);
  watcher->watch({.readable = true});
  watcher.reset();
  base::log::setLevel("", base::log::Level::kInfo);
}

TEST_F(UvDispatcherTest, ManyWatchersComeAndGo) {
  Pair pair;
  Handler handler;
  int rounds = 0;
  std::function<void()> round = [&] {
    for (int i = 0; i < 100; ++i) {
      auto watcher = dispatcher_->createFdWatcher(pair.a.get(), handler);
      watcher->watch({.readable = true});
    }
    if (++rounds < 100) {
      dispatcher_->post(round);
    } else {
      dispatcher_->stop();
    }
  };
  dispatcher_->post(round);
  run();
  EXPECT_EQ(handler.calls, 0);
}

TEST_F(UvDispatcherTest, HookThenDeferredDeletionAfterEachCallback) {
  std::vector<std::string> order;
  dispatcher_->setAfterCallbackHook([&] { order.push_back("hook"); });
  dispatcher_->post([&] {
    order.push_back("first");
    dispatcher_->deferDelete(std::make_unique<Deferred>([&] {
      order.push_back("deleted");
      dispatcher_->deferDelete(std::make_unique<Deferred>([&] { order.push_back("nested"); }));
    }));
  });
  dispatcher_->post([&] {
    order.push_back("second");
    dispatcher_->stop();
  });
  run();
  order.resize(7);
  EXPECT_EQ(order, (std::vector<std::string>{"first", "hook", "deleted", "hook", "nested", "hook",
                                             "second"}));
  dispatcher_->setAfterCallbackHook(nullptr);
}

TEST_F(UvDispatcherTest, PostsFromManyThreadsKeepEachThreadsOrder) {
  constexpr int kThreads = 4;
  constexpr int kTasks = 2000;
  std::array<int, kThreads> next{};
  int done = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kTasks; ++i) {
        dispatcher_->post([&, t, i] {
          EXPECT_TRUE(dispatcher_->isThisThread());
          EXPECT_EQ(next[static_cast<size_t>(t)]++, i);
          if (++done == kThreads * kTasks) dispatcher_->stop();
        });
      }
    });
  }
  run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, kThreads * kTasks);
}

TEST_F(UvDispatcherTest, PostedFromATaskRunsOnALaterTurn) {
  std::vector<int> order;
  dispatcher_->post([&] {
    dispatcher_->post([&] {
      order.push_back(3);
      dispatcher_->stop();
    });
    order.push_back(1);
  });
  dispatcher_->post([&] { order.push_back(2); });
  run();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST_F(UvDispatcherTest, TasksAfterTheEndAreDestroyedUnrun) {
  dispatcher_->stop();
  run();
  auto token = std::make_shared<int>();
  dispatcher_->post([token] { ADD_FAILURE(); });
  EXPECT_EQ(token.use_count(), 2);
  dispatcher_.reset();
  EXPECT_EQ(token.use_count(), 1);
}

TEST_F(UvDispatcherTest, TimersFireInOrderAndNeverEarly) {
  std::vector<int> order;
  const MonotonicTime begin = dispatcher_->now();
  auto late = dispatcher_->createTimer([&] {
    order.push_back(2);
    EXPECT_GE(dispatcher_->now() - begin, milliseconds(30));
    dispatcher_->stop();
  });
  auto early = dispatcher_->createTimer([&] {
    order.push_back(1);
    EXPECT_GE(dispatcher_->now() - begin, milliseconds(10));
  });
  auto cancelled = dispatcher_->createTimer([] { ADD_FAILURE(); });
  late->start(milliseconds(30));
  early->start(milliseconds(10));
  cancelled->start(milliseconds(5));
  EXPECT_TRUE(cancelled->running());
  cancelled->cancel();
  EXPECT_FALSE(cancelled->running());
  run();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST_F(UvDispatcherTest, TimerMayDestroyItself) {
  auto token = std::make_shared<int>();
  std::unique_ptr<Timer> timer;
  timer = dispatcher_->createTimer([this, &timer, token] {
    timer.reset();
    EXPECT_EQ(token.use_count(), 2) << "the running callback stays whole";
    dispatcher_->stop();
  });
  timer->start(milliseconds(0));
  run();
  EXPECT_EQ(token.use_count(), 1);
}

struct WheelProbe {
  explicit WheelProbe(UvDispatcher& dispatcher)
      : dispatcher(dispatcher), timer(dispatcher.wheel(), wheelCallback<&WheelProbe::fire>, this) {}
  void fire() {
    ++fired;
    fired_at = dispatcher.now();
    if (then) then();
  }
  UvDispatcher& dispatcher;
  int fired = 0;
  MonotonicTime fired_at;
  std::function<void()> then;
  WheelTimer timer;
};

TEST_F(UvDispatcherTest, TheWheelTurns) {
  WheelProbe probe(*dispatcher_);
  WheelProbe cancelled(*dispatcher_);
  MonotonicTime armed_at;
  probe.then = [&] {
    if (probe.fired == 3) return dispatcher_->stop();
    EXPECT_GE(probe.fired_at - armed_at, milliseconds(20));
    armed_at = dispatcher_->now();
    probe.timer.arm(milliseconds(20));
  };
  dispatcher_->post([&] {
    armed_at = dispatcher_->now();
    probe.timer.arm(milliseconds(20));
    cancelled.timer.arm(milliseconds(15));
    cancelled.timer.cancel();
  });
  run();
  EXPECT_EQ(probe.fired, 3);
  EXPECT_EQ(cancelled.fired, 0);
}

TEST_F(UvDispatcherTest, AnEarlierWheelTimerWakesTheLoopEarlier) {
  WheelProbe far(*dispatcher_);
  WheelProbe near(*dispatcher_);
  far.timer.arm(std::chrono::hours(1));
  near.then = [&] { dispatcher_->stop(); };
  dispatcher_->post([&] { dispatcher_->post([&] { near.timer.arm(milliseconds(10)); }); });
  run();
  EXPECT_EQ(near.fired, 1);
  EXPECT_EQ(far.fired, 0);
}

TEST_F(UvDispatcherTest, TellsTheTime) {
  const auto before = std::chrono::steady_clock::now();
  EXPECT_LE(dispatcher_->now(), dispatcher_->preciseNow());
  EXPECT_GE(dispatcher_->now(), before - milliseconds(2));
  const auto drift = std::chrono::system_clock::now() - dispatcher_->systemNow();
  EXPECT_LT(std::chrono::abs(drift), milliseconds(1000));
}

TEST_F(UvDispatcherTest, StopsFromAnotherThread) {
  std::thread stopper([&] { dispatcher_->stop(); });
  run();
  stopper.join();
}

}  // namespace
}  // namespace weir::event
