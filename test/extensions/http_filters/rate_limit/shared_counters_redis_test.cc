// Several workers on threads of their own that count in one real Redis: exact, whatever comes at
// the same time.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "extensions/http_filters/rate_limit/shared_counters.h"
#include "source/event/uv_dispatcher.h"
#include "source/network/io_context.h"
#include "test/support/child_process.h"

namespace weir::extensions::http_filters::rate_limit {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using Kind = CountedLimit::Kind;

constexpr uint32_t kWorkers = 4;
constexpr int kAtATime = 16;

// It was counted between the two.
struct Passed {
  Clock::time_point from;
  Clock::time_point to;
};

// One worker that asks so many questions, some at a time. Worker-confined.
class Worker {
 public:
  Worker(uint32_t index, const CounterSettings& settings, stats::Store& stats,
         const CountedLimit& limit, int questions)
      : io_(dispatcher_, index), limit_(limit), left_(questions) {
    services_.put<event::Dispatcher>(dispatcher_);
    services_.put(io_);
    services_.put(stats.block(index + 1));
    counters_.emplace(services_, settings, "test", CounterStats::create(stats, "test"));
    start_ = dispatcher_.createTimer([this] { begin(); });
    start_->start(milliseconds(1));
  }
  void run() { dispatcher_.run(); }
  std::vector<Passed> passed;
  int unanswered = 0;

 private:
  struct Asker final : CountListener {
    void onCounted(std::span<const CountedStanding> standings) override {
      worker->onCounted(*this, standings);
    }
    Worker* worker = nullptr;
    Clock::time_point asked;
  };

  void begin() {
    if (!counters_->connected()) return start_->start(milliseconds(1));
    for (Asker& asker : askers_) {
      asker.worker = this;
      ask(asker);
    }
  }
  void ask(Asker& asker) {
    if (left_ == 0) {
      if (++finished_ == kAtATime) stop();
      return;
    }
    --left_;
    asker.asked = Clock::now();
    const AskedLimit limit{&limit_, "key", false};
    if (counters_->ask(std::span(&limit, 1), asker) != nullptr) return;
    ++unanswered;
    ask(asker);
  }
  void onCounted(Asker& asker, std::span<const CountedStanding> standings) {
    if (standings.empty()) ++unanswered;
    if (!standings.empty() && standings[0].passes) passed.push_back({asker.asked, Clock::now()});
    ask(asker);
  }
  void stop() {
    dispatcher_.post([this] {
      counters_.reset();
      dispatcher_.stop();
    });
  }

  const std::unique_ptr<event::UvDispatcher> loop_ = *event::UvDispatcher::create();
  event::Dispatcher& dispatcher_ = *loop_;
  network::IoContext io_;
  base::ServiceMap services_;
  const CountedLimit& limit_;
  int left_;
  int finished_ = 0;
  Asker askers_[kAtATime];
  std::unique_ptr<event::Timer> start_;
  std::optional<SharedCounters> counters_;
};

class SharedCountersRedis : public ::testing::Test {
 protected:
  SharedCountersRedis() {
    EXPECT_TRUE(server_.waitForOutput("The server is now ready to accept connections"))
        << server_.out();
    settings_.server.address = *network::Address::parse("unix:" + folder_.file("s"));
    // So that a busy machine does not make Redis look slow.
    settings_.timeout = settings_.server.response_timeout = std::chrono::minutes(1);
    settings_.server.connect_timeout = std::chrono::minutes(1);
  }
  std::vector<Passed> load(const CountedLimit& limit, int questions) {
    std::vector<Passed> all;
    std::mutex mutex;
    std::vector<std::thread> threads;
    for (uint32_t i = 0; i < kWorkers; ++i) {
      threads.emplace_back([&, i] {
        Worker worker(i, settings_, stats_, limit, questions);
        worker.run();
        EXPECT_EQ(worker.unanswered, 0);
        const std::lock_guard lock(mutex);
        all.insert(all.end(), worker.passed.begin(), worker.passed.end());
      });
    }
    for (std::thread& thread : threads) thread.join();
    return all;
  }

  test::TemporaryFolder folder_;
  test::ChildProcess server_{{"redis-server", "--port", "0", "--save", "", "--appendonly", "no",
                              "--unixsocket", folder_.file("s"), "--dir", folder_.path()}};
  CounterSettings settings_;
  stats::Store stats_;
};

TEST_F(SharedCountersRedis, ExactlyTheLimitPasses) {
  const CountedLimit window(Kind::kWindow, 1000, std::chrono::hours(1), 1000);
  EXPECT_EQ(load(window, 1000).size(), 1000u);
  EXPECT_EQ(load(window, 10).size(), 0u);
}

TEST_F(SharedCountersRedis, BucketsAreExactToo) {
  const CountedLimit bucket(Kind::kBucket, 1, std::chrono::hours(1), 700);
  EXPECT_EQ(load(bucket, 500).size(), 700u);
}

// What was counted surely within a span as long as the window is never more than the limit.
TEST_F(SharedCountersRedis, NoWindowHasMoreThanTheLimit) {
  constexpr size_t kLimit = 100;
  constexpr auto kWindow = milliseconds(200);
  const CountedLimit window(Kind::kWindow, kLimit, kWindow, kLimit);
  std::vector<Passed> passed;
  for (const auto end = Clock::now() + milliseconds(1500); Clock::now() < end;) {
    for (const Passed& one : load(window, 300)) passed.push_back(one);
  }
  std::sort(passed.begin(), passed.end(),
            [](const Passed& a, const Passed& b) { return a.from < b.from; });
  size_t most = 0;
  for (size_t i = 0; i < passed.size(); ++i) {
    size_t within = 0;
    for (size_t j = i; j < passed.size() && passed[j].from < passed[i].from + kWindow; ++j) {
      within += passed[j].to <= passed[i].from + kWindow ? 1 : 0;
    }
    most = std::max(most, within);
  }
  std::printf("%zu passed, at most %zu in a window of 200 ms; the limit is %zu\n", passed.size(),
              most, kLimit);
  EXPECT_LE(most, kLimit);
  EXPECT_GT(passed.size(), kLimit) << "the window slides";
}

}  // namespace
}  // namespace weir::extensions::http_filters::rate_limit
