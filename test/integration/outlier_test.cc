// Endpoints that fail in real traffic, through the whole proxy with four workers: they are taken
// out, and come back.

#include <poll.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/network/udp_peer.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir {
namespace {

using control::HealthEvent;
using test::InProcessProxy;
using test::RawConnection;
using test::ScriptedOrigin;
using testing::HasSubstr;

enum class Mood { kFine, k500, k503, kEverySecond503, kReset, kHang, kSlow };

// Waits without a connection to wait for.
void pause(int ms) {
  ::poll(nullptr, 0, ms);
}

// Answers with its name, unless it is in another mood.
class MoodyOrigin {
 public:
  explicit MoodyOrigin(char name)
      : name_(name), origin_([this](RawConnection& connection, int) { run(connection); }) {}
  void set(Mood mood) { mood_ = mood; }
  std::string address() const { return origin_.address(); }
  void kill() { origin_.kill(); }
  int asked() const { return asked_; }

 private:
  void run(RawConnection& connection) {
    while (connection.readMessage().complete) {
      const int number = ++asked_;
      Mood mood = mood_;
      if (mood == Mood::kEverySecond503) mood = number % 2 == 0 ? Mood::k503 : Mood::kFine;
      switch (mood) {
        case Mood::kReset:
          return connection.abort();
        case Mood::kHang:
          connection.closedByPeer();
          return;
        case Mood::kSlow:
          pause(25);
          break;
        default:
          break;
      }
      std::string_view status = "200 OK";
      if (mood == Mood::k500) status = "500 Broken";
      if (mood == Mood::k503) status = "503 Busy";
      connection.send("HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 1\r\n\r\n" + name_);
    }
  }

  const char name_;
  std::atomic<Mood> mood_{Mood::kFine};
  std::atomic<int> asked_{0};
  ScriptedOrigin origin_;
};

class OutlierTest : public testing::Test {
 protected:
  // Origins "a", "b", …, `detection` for their cluster.
  void start(int origins, std::string_view detection, std::string_view route = {}) {
    for (int i = 0; i < origins; ++i) {
      origins_.push_back(std::make_unique<MoodyOrigin>(static_cast<char>('a' + i)));
    }
    proxy_ = std::make_unique<InProcessProxy>(config(detection, route));
  }
  std::string config(std::string_view detection, std::string_view route = {}) {
    std::string text = test::edgeListener(
        {}, "routes { route { cluster: \"origin\" " + std::string(route) + " } }");
    text += "clusters { name: \"origin\" ";
    for (size_t i = 0; i < origins_.size(); ++i) {
      text += "endpoints { id: \"" + std::string(1, static_cast<char>('a' + i)) + "\" address: \"" +
              origins_[i]->address() + "\" } ";
    }
    return text + std::string(detection) + " }\n" + test::runtime(4);
  }
  // How many of so many requests each origin has answered well; '-' for none. Each has a connection
  // of its own, so that all workers take part.
  std::map<char, int> ask(int requests) {
    std::map<char, int> counts;
    for (int i = 0; i < requests; ++i) {
      RawConnection client = RawConnection::connectTo(proxy_->port("edge"));
      client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      const test::RawMessage answer = client.readMessage();
      ++counts[answer.status() == 200 ? answer.body[0] : '-'];
    }
    return counts;
  }
  // Asks until `done`; how many requests failed meanwhile, -1: it never was.
  template <class F>
  int failuresUntil(F&& done) {
    int failures = 0;
    const bool was = test::eventually([&] {
      failures += ask(1)['-'];
      return done();
    });
    return was ? failures : -1;
  }
  int64_t ejections(const std::string& reason) {
    return proxy_->stat("cluster_ejections_total", {{"cluster", "origin"}, {"reason", reason}});
  }
  int64_t ejected() { return proxy_->stat("cluster_ejected", {{"cluster", "origin"}}); }
  std::vector<HealthEvent> events(HealthEvent::Kind kind) {
    std::vector<HealthEvent> some;
    proxy_->onMain([&] {
      for (const HealthEvent& event : proxy_->server().routing().events().kept()) {
        if (event.kind == kind) some.push_back(event);
      }
    });
    return some;
  }
  // The second one of four is in this mood: what becomes of it and of the others' traffic.
  void expectEjection(Mood mood, const std::string& reason, std::string_view detection,
                      std::string_view route = {}) {
    start(4, detection, route);
    ASSERT_EQ(ask(40)['-'], 0);
    origins_[1]->set(mood);
    const int failures = failuresUntil([&] { return ejections(reason) == 1; });
    std::cout << reason << ": " << failures << " requests failed until it was out\n";
    ASSERT_GE(failures, 0);
    EXPECT_EQ(ejected(), 1);
    const auto out = events(HealthEvent::Kind::kEjected);
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].endpoint, "b");
    EXPECT_THAT(out[0].cause, HasSubstr(reason));
    origins_[1]->set(Mood::kFine);
    // Every worker knows a moment later.
    EXPECT_TRUE(test::eventually([&] {
      const int before = origins_[1]->asked();
      return ask(40)['-'] == 0 && origins_[1]->asked() == before;
    }));
    EXPECT_TRUE(test::eventually([&] { return ask(10)['b'] > 0; }));
    EXPECT_EQ(ejected(), 0);
    EXPECT_EQ(events(HealthEvent::Kind::kReturned).size(), 1u);
    EXPECT_EQ(ejections(reason), 1);
    EXPECT_EQ(ask(40)['-'], 0);
  }

  std::vector<std::unique_ptr<MoodyOrigin>> origins_;
  std::unique_ptr<InProcessProxy> proxy_;
};

constexpr std::string_view kRuns =
    "outlier_detection { base_ejection_time { seconds: 1 } consecutive_gateway_errors: 0 }";

TEST_F(OutlierTest, Errors) {
  expectEjection(Mood::k500, "consecutive_5xx", kRuns);
}

TEST_F(OutlierTest, GatewayErrors) {
  expectEjection(Mood::k503, "consecutive_gateway_errors",
                 "outlier_detection { base_ejection_time { seconds: 1 } consecutive_5xx: 0 }");
}

TEST_F(OutlierTest, Resets) {
  expectEjection(Mood::kReset, "consecutive_5xx", kRuns);
}

TEST_F(OutlierTest, NoAnswerInTime) {
  expectEjection(Mood::kHang, "consecutive_gateway_errors",
                 "outlier_detection { base_ejection_time { seconds: 1 } consecutive_5xx: 0 "
                 "consecutive_gateway_errors: 2 }",
                 "timeout { nanos: 100000000 }");
}

TEST_F(OutlierTest, ALowSuccessRate) {
  expectEjection(
      Mood::kEverySecond503, "success_rate",
      "outlier_detection { base_ejection_time { seconds: 1 } interval { nanos: 300000000 } "
      "consecutive_5xx: 100 success_rate_stdev_factor: 1500 success_rate_min_endpoints: 4 "
      "min_requests: 20 }");
}

TEST_F(OutlierTest, SlowAnswers) {
  expectEjection(
      Mood::kSlow, "latency",
      "outlier_detection { base_ejection_time { seconds: 1 } interval { nanos: 500000000 } "
      "min_requests: 4 latency_percent_of_median: 500 }");
}

TEST_F(OutlierTest, ADeadOneIsOutForLongerAndLonger) {
  start(4,
        "outlier_detection { base_ejection_time { nanos: 100000000 } interval { seconds: 60 } }");
  EXPECT_EQ(ask(20)['-'], 0);
  origins_[1]->kill();
  const int failures =
      failuresUntil([&] { return ejections("consecutive_connect_failures") == 3; });
  std::cout << failures << " requests failed while it died\n";
  ASSERT_GE(failures, 0);
  const auto out = events(HealthEvent::Kind::kEjected);
  ASSERT_EQ(out.size(), 3u);
  const auto back = events(HealthEvent::Kind::kReturned);
  ASSERT_EQ(back.size(), 2u);
  EXPECT_THAT(out[0].cause, HasSubstr("out for 100 ms"));
  EXPECT_THAT(out[1].cause, HasSubstr("out for 200 ms"));
  EXPECT_THAT(out[2].cause, HasSubstr("out for 300 ms"));
  EXPECT_GE(back[1].time - out[1].time, std::chrono::milliseconds(195));
}

TEST_F(OutlierTest, HalfOfThemStayInWhateverTheyDo) {
  start(4, "outlier_detection { max_ejection_percent: 50 }");
  for (const auto& origin : origins_) origin->set(Mood::k503);
  EXPECT_GT(
      failuresUntil([&] {
        return proxy_->stat("cluster_ejections_not_allowed_total", {{"cluster", "origin"}}) >= 2;
      }),
      0);
  EXPECT_EQ(ejected(), 2);
  EXPECT_EQ(events(HealthEvent::Kind::kEjected).size(), 2u);
}

TEST_F(OutlierTest, AnotherConfigurationGoesOnAndOneWithoutEndsIt) {
  start(4, "outlier_detection { }");
  origins_[1]->set(Mood::k500);
  EXPECT_GT(failuresUntil([&] { return ejected() == 1; }), 0);
  ASSERT_EQ(proxy_->reload(config("outlier_detection { consecutive_5xx: 2 }")), "");
  EXPECT_EQ(ejected(), 1);
  EXPECT_EQ(ask(40)['-'], 0);
  origins_[1]->set(Mood::kFine);
  ASSERT_EQ(proxy_->reload(config("")), "");
  EXPECT_EQ(ejected(), 0);
  EXPECT_GT(ask(40)['b'], 0);
}

// --- L4 ---

TEST_F(OutlierTest, TcpSessionsThatDoNotConnect) {
  start(0, "endpoints { address: \"127.0.0.1:1\" }");
  ScriptedOrigin alive([](RawConnection& connection, int) {
    connection.send("x");
    connection.readAll();
  });
  auto dead = std::make_unique<ScriptedOrigin>(ScriptedOrigin::echoing());
  const std::string address = dead->address();
  dead->kill();
  ASSERT_EQ(proxy_->reload(
                R"(listeners { name: "tcp" address: "127.0.0.1:0" filter_chains {
                     filters { config { [network_filters/tcp_proxy] { cluster: "origin" } } } } })" +
                test::cluster("origin", {alive.address(), address}, "outlier_detection {}") +
                test::runtime(4)),
            "");
  EXPECT_TRUE(test::eventually([&] {
    RawConnection::connectTo(proxy_->port("tcp")).readSome(1);
    return ejections("consecutive_connect_failures") == 1;
  }));
  EXPECT_EQ(events(HealthEvent::Kind::kEjected)[0].endpoint, address);
}

TEST_F(OutlierTest, DatagramsThatAreRefused) {
  start(0, "endpoints { address: \"127.0.0.1:1\" }");
  network::UdpPeer alive;
  network::UdpPeer dead;
  const std::string address = dead.address().toString();
  dead.close();
  ASSERT_EQ(
      proxy_->reload("listeners { name: \"udp\" address: \"127.0.0.1:0\" udp_filter { config { "
                     "[udp_filters/udp_proxy] { cluster: \"origin\" } } } }\n" +
                     test::cluster("origin", {alive.address().toString(), address},
                                   "outlier_detection { consecutive_connect_failures: 3 }") +
                     test::runtime(4)),
      "");
  const network::Address to = network::Address::parse("127.0.0.1:1")->withPort(proxy_->port("udp"));
  EXPECT_TRUE(test::eventually([&] {
    network::UdpPeer client;
    client.send("one", to);
    client.send("two", to);
    client.receive(1);
    return ejections("consecutive_connect_failures") == 1;
  }));
  EXPECT_EQ(events(HealthEvent::Kind::kEjected)[0].endpoint, address);
}

}  // namespace
}  // namespace weir
