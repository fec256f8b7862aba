#include "source/base/task_pool.h"

#include <atomic>
#include <future>
#include <memory>

#include "gtest/gtest.h"

namespace weir::base {
namespace {

TEST(TaskPoolTest, RunsEveryTaskOnOtherThreads) {
  std::atomic<int> ran{0};
  std::promise<void> all;
  TaskPool pool(4);
  const auto caller = std::this_thread::get_id();
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(pool.submit([&] {
      EXPECT_NE(std::this_thread::get_id(), caller);
      if (++ran == 500) all.set_value();
    }));
  }
  all.get_future().wait();
  EXPECT_EQ(ran, 500);
}

TEST(TaskPoolTest, RefusesWhatItHasNoRoomFor) {
  std::promise<void> begun;
  std::promise<void> go;
  TaskPool pool(1, 2);
  ASSERT_TRUE(pool.submit([&] {
    begun.set_value();
    go.get_future().wait();
  }));
  begun.get_future().wait();
  EXPECT_TRUE(pool.submit([] {}));
  EXPECT_TRUE(pool.submit([] {}));
  EXPECT_FALSE(pool.submit([] {}));
  go.set_value();
}

TEST(TaskPoolTest, DropsWhatWaitsWhenItEnds) {
  auto held = std::make_shared<int>(1);
  std::atomic<bool> ran{false};
  std::promise<void> begun;
  std::promise<void> go;
  std::thread releasing;
  {
    TaskPool pool(1);
    ASSERT_TRUE(pool.submit([&] {
      begun.set_value();
      go.get_future().wait();
    }));
    begun.get_future().wait();
    ASSERT_TRUE(pool.submit([held, &ran] { ran = true; }));
    std::weak_ptr<int> weak = held;
    held.reset();
    // The destructor drops the waiting task first, then joins the one that runs.
    releasing = std::thread([weak, &go] {
      while (!weak.expired()) std::this_thread::yield();
      go.set_value();
    });
  }
  releasing.join();
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace weir::base
