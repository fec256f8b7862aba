// Workers that run a script at the same time while the main thread loads it again and the watchdog
// ends what does not end. For ThreadSanitizer too.
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "source/lua/binding.h"
#include "source/lua/watchdog.h"
#include "source/lua/worker_script.h"
#include "test/fakes/fake_dispatcher.h"

namespace weir::lua {
namespace {

// What one worker did. Worker-confined, until it is joined.
struct Tally {
  int done = 0;
  int killed = 0;
  int other = 0;
  double last_version = 0;
};

class ThreadsTest : public testing::Test {
 protected:
  ThreadsTest() {
    std::string pattern = testing::TempDir() + "/threads-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    config_.name = "test";
    config_.file = folder_ / "a.lua";
    config_.cpu_time = std::chrono::milliseconds(10);
    config_.entry_points = {"f"};
  }
  ~ThreadsTest() override { std::filesystem::remove_all(folder_); }

  // Every tenth call never ends by itself.
  void write(int version) {
    std::ofstream(config_.file) << "n = 0 function f() n = n + 1 if n % 10 == 0 then while true do "
                                   "pcall(error) end end return "
                                << version << " end";
  }

  void work(uint32_t index, Tally& tally) {
    event::FakeDispatcher dispatcher;
    base::ServiceMap services;
    services.put<event::Dispatcher>(dispatcher);
    services.put(store_);
    services.put(store_.block(index));
    WorkerScript worker(script_, services);
    while (!stop_.load()) {
      Coroutine coroutine = worker.state()->coroutine();
      const Outcome outcome =
          coroutine.start(worker.state()->entryPoint(0), [](lua_State*) { return 0; });
      if (outcome.progress == Progress::kDone) {
        const double version = lua_tonumber(coroutine.thread(), 1);
        EXPECT_GE(version, tally.last_version);
        tally.last_version = version;
        ++tally.done;
      } else if (outcome.error.kind == ErrorKind::kBudget) {
        ++tally.killed;
        kills_.fetch_add(1);
      } else {
        ++tally.other;
        ADD_FAILURE() << outcome.error.message;
      }
    }
  }

  std::filesystem::path folder_;
  stats::Store store_;
  ScriptConfig config_;
  std::shared_ptr<Script> script_;
  std::atomic<bool> stop_{false};
  std::atomic<int> kills_{0};
};

TEST_F(ThreadsTest, WorkersReloadAndWatchdogTogether) {
  constexpr int kWorkers = 3;
  constexpr int kVersions = 8;
  write(1);
  auto script = Script::load(config_, store_);
  ASSERT_TRUE(script.ok()) << script.status();
  script_ = *script;
  Tally tallies[kWorkers];
  std::vector<std::thread> workers;
  for (uint32_t i = 0; i < kWorkers; ++i) {
    workers.emplace_back([this, i, &tallies] { work(i + 1, tallies[i]); });
  }
  for (int version = 2; version <= kVersions; ++version) {
    // A few more were ended in each version.
    const int kills = kills_.load();
    while (kills_.load() < kills + kWorkers) std::this_thread::yield();
    write(version);
    EXPECT_TRUE(script_->reload(store_.block(0)).ok());
  }
  const int kills = kills_.load();
  while (kills_.load() < kills + 2 * kWorkers) std::this_thread::yield();
  stop_.store(true);
  for (std::thread& worker : workers) worker.join();
  int killed = 0;
  for (const Tally& tally : tallies) {
    EXPECT_GT(tally.done, 0);
    killed += tally.killed;
  }
  EXPECT_EQ(killed, store_.valueOf("lua_budget_kills_total", {{"script", "test"}}));
  EXPECT_EQ(store_.valueOf("lua_reloads_total", {{"script", "test"}}), kVersions - 1);
  EXPECT_EQ(store_.valueOf("lua_states", {{"script", "test"}}), 0);
  EXPECT_EQ(store_.valueOf("lua_memory_bytes", {{"script", "test"}}), 0);
}

// A worker that is not in Lua, or in another call, is left alone although signals are about.
TEST_F(ThreadsTest, AWatchdogMayComeAndGo) {
  write(1);
  for (int i = 0; i < 20; ++i) {
    auto script = Script::load(config_, store_);
    ASSERT_TRUE(script.ok()) << script.status();
  }
  const auto one = Watchdog::get();
  EXPECT_EQ(Watchdog::get(), one);
}

}  // namespace
}  // namespace weir::lua
