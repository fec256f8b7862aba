// The whole proxy with real Redis servers that come, go and change while it serves.

#include <signal.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "test/e2e/programs.h"
#include "test/support/child_process.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::extensions::stickiness::store {
namespace {

using weir::test::InProcessProxy;
using weir::test::RawConnection;
using weir::test::ScriptedOrigin;

struct Redis {
  Redis() { EXPECT_TRUE(weir::test::accepts(port, process)) << process.out(); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port); }
  weir::test::TemporaryFolder folder;
  uint16_t port = weir::test::freePort();
  weir::test::ChildProcess process{{"redis-server", "--port", std::to_string(port), "--bind",
                                    "127.0.0.1", "--save", "", "--appendonly", "no", "--dir",
                                    folder.path()}};
};

class StoreProxyTest : public ::testing::Test {
 protected:
  std::string config(const std::string& redis, const std::string& stickiness = "store") const {
    const std::string store =
        "stickiness { config { [stickiness/store] { client_identifier { cookie: \"session\" } "
        "redis { address: \"" +
        redis + "\" } lookup_budget { nanos: 5000000 } } } }";
    return weir::test::edgeListener() +
           weir::test::cluster("origin", {one_.address(), two_.address()},
                               stickiness == "store" ? store : "") +
           weir::test::runtime(2);
  }
  ScriptedOrigin one_{ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")};
  ScriptedOrigin two_{ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo")};
  Redis first_;
  Redis second_;
};

// Asks on and on, as a new session each time.
class Load {
 public:
  explicit Load(uint16_t port) {
    for (int i = 0; i < 4; ++i) threads_.emplace_back([this, i, port] { run(i, port); });
  }
  ~Load() { stop(); }
  void stop() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  bool more(int requests) {
    const int goal = done + requests;
    return weir::test::eventually([&] { return done >= goal; }, std::chrono::seconds(30));
  }
  std::atomic<int> done{0};
  std::atomic<int> failed{0};

 private:
  void run(int number, uint16_t port) {
    RawConnection connection = RawConnection::connectTo(port);
    for (int i = 0; !stop_; ++i) {
      connection.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: session=" + std::to_string(number) +
                      "-" + std::to_string(i) + "\r\n\r\n");
      const auto message = connection.readMessage();
      if (!message.complete || message.status() != 200) ++failed;
      ++done;
      // Its listener goes on over a configuration; the connection may be asked to close.
      if (message.header("connection") == "close") connection = RawConnection::connectTo(port);
    }
  }
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

TEST_F(StoreProxyTest, AnotherRedisNoneAndAgainUnderLoad) {
  InProcessProxy proxy(config(first_.address()));
  const auto connected = [&](int64_t workers) {
    return proxy.waitForStat("sticky_store_connected", workers, {{"cluster", "origin"}});
  };
  ASSERT_TRUE(connected(2));
  Load load(proxy.port("edge"));
  EXPECT_TRUE(load.more(200));
  const std::string nobody = "127.0.0.1:" + std::to_string(weir::test::freePort());
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(proxy.reload(config(second_.address())), "");
    EXPECT_TRUE(connected(2));
    EXPECT_TRUE(load.more(100));
    EXPECT_EQ(proxy.reload(config(nobody)), "");
    EXPECT_TRUE(connected(0));
    EXPECT_TRUE(load.more(100));
    EXPECT_EQ(proxy.reload(config(first_.address(), "none")), "");
    EXPECT_TRUE(load.more(100));
    EXPECT_EQ(proxy.reload(config(first_.address())), "");
    EXPECT_TRUE(connected(2));
    EXPECT_TRUE(load.more(100));
  }
  load.stop();
  EXPECT_EQ(load.failed, 0);
}

TEST_F(StoreProxyTest, ItEndsWhileQuestionsAreUnderWay) {
  auto proxy = std::make_optional<InProcessProxy>(config(first_.address()));
  ASSERT_TRUE(proxy->waitForStat("sticky_store_connected", 2, {{"cluster", "origin"}}));
  first_.process.signal(SIGSTOP);
  {
    Load load(proxy->port("edge"));
    EXPECT_TRUE(load.more(50));
    load.stop();
    EXPECT_EQ(load.failed, 0);
  }
  proxy.reset();
  first_.process.signal(SIGCONT);
}

}  // namespace
}  // namespace weir::extensions::stickiness::store
