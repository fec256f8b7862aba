// Two proxies with two workers each that share limits in a real Redis, whatever becomes of it.

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "test/support/child_process.h"
#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"

namespace weir::extensions::http_filters::rate_limit {
namespace {

using test::InProcessProxy;
using test::RawConnection;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

// On a unix socket in a folder of its own.
class Redis {
 public:
  Redis() { start(); }
  void start() {
    process_.emplace(std::vector<std::string>{"redis-server", "--port", "0", "--save", "",
                                              "--appendonly", "no", "--unixsocket",
                                              folder_.file("s"), "--dir", folder_.path()});
    EXPECT_TRUE(process_->waitForOutput("The server is now ready to accept connections"))
        << process_->out();
  }
  void kill() {
    process_->signal(SIGKILL);
    process_->wait();
  }
  void signal(int number) { process_->signal(number); }
  std::string cli(std::vector<std::string> words) const {
    words.insert(words.begin(), {"redis-cli", "-s", folder_.file("s")});
    return test::runToEnd(words).out;
  }
  std::string address() const { return "unix:" + folder_.file("s"); }

 private:
  test::TemporaryFolder folder_;
  std::optional<test::ChildProcess> process_;
};

// So that a busy machine does not make Redis look slow.
constexpr char kPatient[] = "timeout { seconds: 10 }";

struct Passed {
  Clock::time_point from;  // it was counted between the two
  Clock::time_point to;
};

class RateLimitProxy : public ::testing::Test {
 protected:
  std::string config(const std::string& limit, const std::string& more = kPatient) {
    return test::runtime(2) +
           test::edgeListener(
               "http_filters { config { [http_filters/rate_limit] { redis { "
               "address: \"" +
                   redis_.address() +
                   "\" response_timeout { seconds: 60 } } limits { name: \"all\" " + limit + " } " +
                   more + " } } }",
               "routes { direct_response { status: 200 } }");
  }
  void start(const std::string& limit, const std::string& more = kPatient) {
    for (auto& proxy : proxies_) {
      proxy = std::make_unique<InProcessProxy>(config(limit, more));
      ASSERT_TRUE(connected(*proxy));
    }
  }
  static bool connected(InProcessProxy& proxy) {
    return proxy.waitForStat("http_rate_limit_connected", 2, {{"filter", "edge"}});
  }
  int64_t sum(const std::string& name, const stats::Labels& labels) {
    return proxies_[0]->stat(name, labels) + proxies_[1]->stat(name, labels);
  }

  // Clients at both proxies, each with as many requests; those that passed.
  std::vector<Passed> load(int clients, int requests) {
    std::vector<Passed> passed;
    std::mutex mutex;
    std::vector<std::thread> threads;
    for (int i = 0; i < clients; ++i) {
      threads.emplace_back([&, port = proxies_[static_cast<size_t>(i) % 2]->port("edge")] {
        auto client = RawConnection::connectTo(port);
        for (int n = 0; n < requests; ++n) {
          const auto from = Clock::now();
          client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
          const int status = client.readMessage().status();
          EXPECT_TRUE(status == 200 || status == 429) << status;
          if (status != 200) continue;
          const std::lock_guard lock(mutex);
          passed.push_back({from, Clock::now()});
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return passed;
  }
  int ask(size_t proxy) {
    auto client = RawConnection::connectTo(proxies_[proxy]->port("edge"));
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    return client.readMessage().status();
  }

  Redis redis_;
  std::unique_ptr<InProcessProxy> proxies_[2];
};

TEST_F(RateLimitProxy, ExactlyTheLimitPassesWhereverItComes) {
  start("requests: 1000 per { seconds: 3600 }");
  EXPECT_EQ(load(8, 250).size(), 1000u);
  EXPECT_EQ(load(2, 10).size(), 0u);
  EXPECT_EQ(sum("http_rate_limit_passed_total", {{"filter", "edge"}, {"limit", "all"}}), 1000);
  EXPECT_EQ(sum("http_rate_limit_questions_total", {{"filter", "edge"}, {"outcome", "answered"}}),
            2020);
}

TEST_F(RateLimitProxy, BucketsAreExactToo) {
  start("requests: 1 per { seconds: 3600 } algorithm: ALGORITHM_BUCKET burst: 300");
  EXPECT_EQ(load(8, 100).size(), 300u);
}

// What was counted surely within a span as long as the window is never more than the limit.
TEST_F(RateLimitProxy, NoWindowHasMoreThanTheLimit) {
  constexpr size_t kLimit = 100;
  const auto kWindow = milliseconds(500);
  start("requests: 100 per { nanos: 500000000 }");
  std::vector<Passed> passed;
  const auto end = Clock::now() + seconds(3);
  while (Clock::now() < end) {
    for (const Passed& one : load(8, 50)) passed.push_back(one);
  }
  EXPECT_GT(passed.size(), 2 * kLimit) << "the window slides";
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
  std::printf("%zu passed, at most %zu in a window of 500 ms; the limit is %zu\n", passed.size(),
              most, kLimit);
  EXPECT_LE(most, kLimit);
}

TEST_F(RateLimitProxy, AForgottenScriptIsSentAgain) {
  start("requests: 5 per { seconds: 3600 }");
  EXPECT_EQ(load(2, 2).size(), 4u);
  redis_.cli({"SCRIPT", "FLUSH"});
  EXPECT_EQ(load(2, 2).size(), 1u);
}

TEST_F(RateLimitProxy, PassesWhenRedisIsGoneAndCountsWhenItIsBack) {
  start("requests: 3 per { seconds: 3600 }");
  EXPECT_EQ(load(2, 5).size(), 3u);
  redis_.kill();
  for (auto& proxy : proxies_) {
    ASSERT_TRUE(proxy->waitForStat("http_rate_limit_connected", 0, {{"filter", "edge"}}));
  }
  EXPECT_EQ(load(4, 20).size(), 80u);
  EXPECT_EQ(sum("http_rate_limit_failed_total", {{"filter", "edge"}, {"then", "passed"}}), 80);
  redis_.start();
  for (auto& proxy : proxies_) ASSERT_TRUE(connected(*proxy));
  EXPECT_EQ(load(2, 5).size(), 3u) << "it has forgotten all";
}

TEST_F(RateLimitProxy, RefusesWhenRedisIsGone) {
  start("requests: 3 per { seconds: 3600 }", "on_failure: ON_FAILURE_REFUSE");
  redis_.kill();
  for (auto& proxy : proxies_) {
    ASSERT_TRUE(proxy->waitForStat("http_rate_limit_connected", 0, {{"filter", "edge"}}));
  }
  EXPECT_EQ(ask(0), 503);
}

TEST_F(RateLimitProxy, CountsLocallyWhenRedisIsGone) {
  start("requests: 100 per { seconds: 3600 }",
        "on_failure: ON_FAILURE_LOCAL local_share { percent: 25 } timeout { seconds: 10 }");
  redis_.kill();
  for (auto& proxy : proxies_) {
    ASSERT_TRUE(proxy->waitForStat("http_rate_limit_connected", 0, {{"filter", "edge"}}));
  }
  EXPECT_EQ(load(4, 50).size(), 50u) << "25 at each";
}

// It takes questions and answers nothing: after a few nobody waits any more.
TEST_F(RateLimitProxy, AHungRedisIsNotWaitedFor) {
  start("requests: 3 per { seconds: 3600 }", "timeout { nanos: 20000000 }");
  redis_.signal(SIGSTOP);
  const auto begin = Clock::now();
  EXPECT_EQ(load(4, 50).size(), 200u);
  const auto took = std::chrono::duration_cast<milliseconds>(Clock::now() - begin);
  redis_.signal(SIGCONT);
  std::printf("200 requests while Redis hangs: %ld ms\n", static_cast<long>(took.count()));
  const stats::Labels timeout{{"filter", "edge"}, {"outcome", "timeout"}};
  EXPECT_GT(sum("http_rate_limit_questions_total", timeout), 0);
  EXPECT_EQ(sum("http_rate_limit_failed_total", {{"filter", "edge"}, {"then", "passed"}}), 200);
}

}  // namespace
}  // namespace weir::extensions::http_filters::rate_limit
