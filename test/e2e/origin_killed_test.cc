// An origin dies under load: every request is answered at once, and all is well when it is back.

#include <signal.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using Clock = std::chrono::steady_clock;

constexpr int kClients = 32;
constexpr std::chrono::seconds kAtOnce{1};

std::string directOrigin(uint16_t port) {
  return R"(listeners { name: "origin" address: "127.0.0.1:)" + std::to_string(port) +
         R"(" filter_chains { filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*"
      routes { direct_response { status: 200 body: "alive" } } } } } } } }
)" + test::runtime(1);
}

// Clients that ask again and again, and count what they get.
class Load {
 public:
  explicit Load(uint16_t port) {
    for (int i = 0; i < kClients; ++i) threads_.emplace_back([this, port] { run(port); });
  }
  ~Load() { stop(); }

  void stop() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  // Waits until `more` further answers of the kind have come.
  static bool more(const std::atomic<int>& count, int more) {
    const int goal = count + more;
    return test::eventually([&] { return count >= goal; });
  }

  std::atomic<int> good{0};     // 200
  std::atomic<int> refused{0};  // 502, 503
  std::atomic<int> strange{0};  // anything else, also no answer
  std::atomic<int> slow{0};     // later than kAtOnce

 private:
  void run(uint16_t port) {
    RawConnection client = RawConnection::connectTo(port);
    while (!stop_) {
      const auto start = Clock::now();
      client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      const RawMessage response = client.readMessage();
      if (Clock::now() - start > kAtOnce) ++slow;
      const int status = response.complete ? response.status() : 0;
      ++(status == 200 ? good : status == 502 || status == 503 ? refused : strange);
      if (status == 0 || response.header("connection") == "close") {
        client = RawConnection::connectTo(port);
      }
    }
  }

  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

TEST(OriginKilled, EveryRequestIsAnsweredAtOnceAndTrafficReturnsWithTheOrigin) {
  test::WeirProcess origin(directOrigin(0));
  const uint16_t port = origin.port("origin");
  test::WeirProcess weir(test::edgeListener() +
                         test::cluster("origin", {"127.0.0.1:" + std::to_string(port)}) +
                         test::runtime());
  ASSERT_NE(weir.port("edge"), 0) << weir.process().err();
  Load load(weir.port("edge"));
  EXPECT_TRUE(Load::more(load.good, 2000));
  EXPECT_EQ(load.refused, 0);
  origin.process().signal(SIGKILL);
  EXPECT_EQ(origin.process().wait(), 128 + SIGKILL);
  EXPECT_TRUE(Load::more(load.refused, 2000));
  test::WeirProcess again(directOrigin(port));
  ASSERT_EQ(again.port("origin"), port) << again.process().err();
  EXPECT_TRUE(Load::more(load.good, 2000));
  const int refused = load.refused;
  EXPECT_TRUE(Load::more(load.good, 2000));
  EXPECT_EQ(load.refused, refused);
  load.stop();
  EXPECT_EQ(load.strange, 0);
  EXPECT_EQ(load.slow, 0);
  EXPECT_TRUE(test::eventually([&] { return weir.stat("cluster_active_requests") == 0; }));
  EXPECT_TRUE(weir.process().running());
}

// Clients whose requests the origin holds when it dies.
class HeldTest : public ::testing::Test {
 protected:
  std::vector<RawConnection> clientsWaiting(test::WeirProcess& weir,
                                            const std::atomic<int>& reached) {
    std::vector<RawConnection> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.push_back(RawConnection::connectTo(weir.port("edge")));
      clients.back().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    EXPECT_TRUE(test::eventually([&] { return reached == kClients; }));
    return clients;
  }
  static std::string configFor(const ScriptedOrigin& origin) {
    return test::edgeListener() + test::cluster("origin", {origin.address()}) + test::runtime();
  }
};

TEST_F(HeldTest, RequestsWithoutAnAnswerGet502) {
  std::atomic<int> reached{0};
  ScriptedOrigin origin([&](RawConnection& connection, int) {
    connection.readMessage();
    ++reached;
    connection.readAll();
  });
  test::WeirProcess weir(configFor(origin));
  std::vector<RawConnection> clients = clientsWaiting(weir, reached);
  origin.kill();
  const auto killed = Clock::now();
  for (RawConnection& client : clients) {
    const int status = client.readMessage().status();
    EXPECT_TRUE(status == 502 || status == 503) << status;
  }
  EXPECT_LT(Clock::now() - killed, kAtOnce);
}

TEST_F(HeldTest, ResponsesThatHaveBegunAreCutNotEnded) {
  std::atomic<int> reached{0};
  ScriptedOrigin origin([&](RawConnection& connection, int) {
    connection.readMessage();
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    ++reached;
    connection.readAll();
  });
  test::WeirProcess weir(configFor(origin));
  std::vector<RawConnection> clients = clientsWaiting(weir, reached);
  origin.kill();
  const auto killed = Clock::now();
  for (RawConnection& client : clients) {
    const RawMessage response = client.readMessage();
    EXPECT_FALSE(response.complete);
    EXPECT_TRUE(response.status() == 200 || response.status() == 0) << response.status();
    EXPECT_TRUE(client.closedByPeer());
  }
  EXPECT_LT(Clock::now() - killed, kAtOnce);
}

}  // namespace
}  // namespace weir
