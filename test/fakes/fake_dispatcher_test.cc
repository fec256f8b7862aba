#include "test/fakes/fake_dispatcher.h"

#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/fd.h"

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
  explicit Deferred(bool& gone) : gone(gone) {}
  ~Deferred() override { gone = true; }
  bool& gone;
};

std::pair<base::UniqueFd, base::UniqueFd> socketPair() {
  int fds[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  return {base::UniqueFd(fds[0]), base::UniqueFd(fds[1])};
}

TEST(FakeDispatcher, TimeMovesOnlyWhenTold) {
  FakeDispatcher dispatcher;
  const MonotonicTime begin = dispatcher.now();
  const SystemTime system_begin = dispatcher.systemNow();
  std::vector<std::pair<int, milliseconds>> fired;
  const auto note = [&](int which) {
    fired.emplace_back(which, std::chrono::duration_cast<milliseconds>(dispatcher.now() - begin));
  };
  auto late = dispatcher.createTimer([&] { note(2); });
  std::unique_ptr<Timer> early;
  early = dispatcher.createTimer([&] {
    note(1);
    early.reset();
  });
  late->start(milliseconds(70));
  early->start(milliseconds(30));
  EXPECT_TRUE(dispatcher.runUntilIdle());
  dispatcher.advance(milliseconds(69));
  EXPECT_EQ(fired, (std::vector<std::pair<int, milliseconds>>{{1, milliseconds(30)}}));
  dispatcher.advance(milliseconds(1));
  EXPECT_EQ(fired.back(), std::pair(2, milliseconds(70)));
  EXPECT_FALSE(late->running());
  EXPECT_EQ(dispatcher.now() - begin, milliseconds(70));
  EXPECT_EQ(dispatcher.systemNow() - system_begin, milliseconds(70));
}

TEST(FakeDispatcher, TurnsTheWheel) {
  struct Owner {
    explicit Owner(FakeDispatcher& dispatcher)
        : timer(dispatcher.wheel(), wheelCallback<&Owner::fire>, this) {}
    void fire() { ++fired; }
    int fired = 0;
    WheelTimer timer;
  };
  FakeDispatcher dispatcher;
  Owner owner(dispatcher);
  owner.timer.arm(milliseconds(1000));
  dispatcher.advance(milliseconds(999));
  EXPECT_EQ(owner.fired, 0);
  dispatcher.advance(milliseconds(21));
  EXPECT_EQ(owner.fired, 1);
}

TEST(FakeDispatcher, WheelTimersCountFromNowAfterAQuietTime) {
  FakeDispatcher dispatcher;
  dispatcher.advance(std::chrono::hours(2));
  int fired = 0;
  WheelTimer timer(
      dispatcher.wheel(), [](void* count) { ++*static_cast<int*>(count); }, &fired);
  timer.arm(milliseconds(50));
  dispatcher.advance(milliseconds(49));
  EXPECT_EQ(fired, 0);
  dispatcher.advance(milliseconds(21));
  EXPECT_EQ(fired, 1);
}

TEST(FakeDispatcher, RunsWhatWaitsForTheEndOfATurnOnce) {
  struct Task final : TurnEndTask {
    void onTurnEnd() override { ++runs; }
    int runs = 0;
  };
  FakeDispatcher dispatcher;
  Task task;
  dispatcher.atTurnEnd(task);
  dispatcher.atTurnEnd(task);
  {
    Task destroyed;
    dispatcher.atTurnEnd(destroyed);
  }
  EXPECT_TRUE(dispatcher.runUntilIdle());
  EXPECT_EQ(task.runs, 1);
  dispatcher.atTurnEnd(task);
  EXPECT_TRUE(dispatcher.runUntilIdle());
  EXPECT_EQ(task.runs, 2);
}

TEST(FakeDispatcher, RecordsAndFiresWatchers) {
  FakeDispatcher dispatcher;
  dispatcher.setPollFds(false);
  Handler handler;
  auto watcher = dispatcher.createFdWatcher(7, handler);
  watcher->watch({.readable = true});
  watcher->watch({.readable = true});
  EXPECT_EQ(dispatcher.watchChanges(), 1u);
  EXPECT_TRUE(dispatcher.watched(7).readable);
  dispatcher.fire(7, {.readable = true});
  EXPECT_EQ(handler.calls, 1);
  watcher.reset();
  EXPECT_FALSE(dispatcher.hasWatcher(7));
}

TEST(FakeDispatcher, PollsRealDescriptors) {
  FakeDispatcher dispatcher;
  auto [a, b] = socketPair();
  Handler handler;
  auto watcher = dispatcher.createFdWatcher(a.get(), handler);
  watcher->watch({.readable = true});
  EXPECT_TRUE(dispatcher.runUntilIdle());
  EXPECT_EQ(handler.calls, 0);
  ASSERT_EQ(write(b.get(), "x", 1), 1);
  handler.then = [&, fd = a.get()] {
    char byte;
    EXPECT_EQ(read(fd, &byte, 1), 1);
  };
  EXPECT_TRUE(dispatcher.runUntilIdle());
  EXPECT_EQ(handler.calls, 1);
  EXPECT_TRUE(handler.last.readable);
  EXPECT_FALSE(handler.last.writable);
}

TEST(FakeDispatcher, AHandlerThatNeverReadsIsBounded) {
  FakeDispatcher dispatcher;
  auto [a, b] = socketPair();
  Handler handler;
  auto watcher = dispatcher.createFdWatcher(a.get(), handler);
  watcher->watch({.writable = true});
  EXPECT_FALSE(dispatcher.runUntilIdle(10));
  EXPECT_EQ(handler.calls, 10);
}

TEST(FakeDispatcher, WatcherMayGoInItsCallback) {
  FakeDispatcher dispatcher;
  auto [a, b] = socketPair();
  Handler one;
  Handler two;
  auto first = dispatcher.createFdWatcher(a.get(), one);
  auto second = dispatcher.createFdWatcher(b.get(), two);
  first->watch({.writable = true});
  second->watch({.writable = true});
  one.then = two.then = [&] {
    first.reset();
    second.reset();
  };
  EXPECT_TRUE(dispatcher.runUntilIdle());
  EXPECT_EQ(one.calls + two.calls, 1);
}

TEST(FakeDispatcher, HookAndDeferredDeletionFollowEachCallback) {
  FakeDispatcher dispatcher;
  bool gone = false;
  std::vector<bool> at_hook;
  dispatcher.setAfterCallbackHook([&] { at_hook.push_back(gone); });
  dispatcher.post([&] {
    dispatcher.deferDelete(std::make_unique<Deferred>(gone));
    EXPECT_FALSE(gone);
  });
  EXPECT_TRUE(dispatcher.runUntilIdle());
  EXPECT_EQ(at_hook, (std::vector<bool>{false, true}));
}

TEST(FakeDispatcher, WhatIsDueWhileTheLoopStandsStillFiresLate) {
  FakeDispatcher dispatcher;
  const MonotonicTime start = dispatcher.now();
  std::vector<int64_t> fired;
  const auto note = [&] {
    fired.push_back(std::chrono::duration_cast<milliseconds>(dispatcher.now() - start).count());
  };
  const auto exact = dispatcher.createTimer(note);
  exact->start(milliseconds(100));
  WheelTimer coarse(
      dispatcher.wheel(), [](void* context) { (*static_cast<decltype(note)*>(context))(); },
      const_cast<void*>(static_cast<const void*>(&note)));
  coarse.arm(milliseconds(200));
  dispatcher.standStill(milliseconds(1000));
  EXPECT_TRUE(fired.empty());
  dispatcher.advance(milliseconds(20));
  ASSERT_EQ(fired.size(), 2u);
  EXPECT_EQ(fired[0], 1000);
  EXPECT_GE(fired[1], 1000);
}

TEST(FakeDispatcher, RunUntilWaitsForOtherThreads) {
  FakeDispatcher dispatcher;
  bool done = false;
  std::thread other([&] { dispatcher.post([&] { done = true; }); });
  EXPECT_TRUE(dispatcher.runUntil([&] { return done; }));
  other.join();
  EXPECT_FALSE(dispatcher.runUntil([] { return false; }, milliseconds(5)));
}

TEST(FakeDispatcher, StopEndsRunAndDropsLaterTasks) {
  FakeDispatcher dispatcher;
  dispatcher.post([&] { dispatcher.stop(); });
  dispatcher.run();
  auto token = std::make_shared<int>();
  dispatcher.post([token] { ADD_FAILURE(); });
  EXPECT_EQ(token.use_count(), 1);
}

}  // namespace
}  // namespace weir::event
