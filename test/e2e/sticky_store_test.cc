// Two nodes of a fleet that share the table of their sticky clients in a real Redis: they agree,
// and no request fails, whatever becomes of Redis.

#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/programs.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

// Redis on a port and a unix socket, in a folder of its own. A fatal failure when it does not
// start.
class Redis {
 public:
  explicit Redis(std::vector<std::string> more = {}) : more_(std::move(more)) { start(); }
  void start() {
    std::vector<std::string> command = {
        "redis-server", "--port", std::to_string(port), "--bind", "127.0.0.1", "--save",      "",
        "--appendonly", "no",     "--unixsocket",       socket(), "--dir",     folder_.path()};
    command.insert(command.end(), more_.begin(), more_.end());
    process_.emplace(command);
    ASSERT_TRUE(process_->waitForOutput("The server is now ready to accept connections"))
        << process_->out();
  }
  void kill() {
    process_->signal(SIGKILL);
    process_->wait();
  }
  void signal(int number) { process_->signal(number); }
  std::string cli(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"redis-cli", "-p", std::to_string(port)});
    return test::runToEnd(arguments).out;
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port); }
  std::string socket() const { return folder_.file("redis.sock"); }
  const test::TemporaryFolder& folder() const { return folder_; }

  const uint16_t port = test::freePort();

 private:
  test::TemporaryFolder folder_;
  const std::vector<std::string> more_;
  std::optional<test::ChildProcess> process_;
};

// Who says its name.
struct Origin {
  explicit Origin(const std::string& name)
      : server(ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: " +
                                         std::to_string(name.size()) + "\r\n\r\n" + name)) {}
  ScriptedOrigin server;
};

struct Answer {
  int status = 0;
  std::string origin;
  microseconds took{0};
};

// One client of a node.
class Client {
 public:
  explicit Client(uint16_t port) : port_(port), connection_(RawConnection::connectTo(port)) {}
  Answer ask(const std::string& session) {
    const auto begin = Clock::now();
    connection_.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: session=" + session + "\r\n\r\n");
    const RawMessage message = connection_.readMessage();
    Answer answer{message.complete ? message.status() : 0, message.body,
                  std::chrono::duration_cast<microseconds>(Clock::now() - begin)};
    if (!message.complete) connection_ = RawConnection::connectTo(port_);
    return answer;
  }

 private:
  uint16_t port_;
  RawConnection connection_;
};

// Clients that come again and again, at both nodes, half of them new; what they saw by phase.
class Load {
 public:
  explicit Load(const std::array<uint16_t, 2>& ports) {
    for (int i = 0; i < kClients; ++i) {
      threads_.emplace_back([this, i, port = ports[static_cast<size_t>(i) % 2]] { run(i, port); });
    }
  }
  ~Load() { stop(); }
  void stop() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  // Begins another phase and lets it go on for so many requests.
  void phase(int number, int requests = 3000) {
    phase_ = number;
    const int goal = done_ + requests;
    EXPECT_TRUE(test::eventually([&] { return done_ >= goal; }, std::chrono::seconds(60)));
  }
  struct Seen {
    size_t requests = 0;
    int64_t median_us = 0;
    int64_t p99_us = 0;
    int64_t most_us = 0;
  };
  // After stop().
  Seen seen(int number) {
    std::vector<int64_t>& times = times_[static_cast<size_t>(number)];
    std::sort(times.begin(), times.end());
    if (times.empty()) return {};
    return {times.size(), times[times.size() / 2], times[times.size() * 99 / 100], times.back()};
  }
  std::atomic<int> failed{0};

 private:
  static constexpr int kClients = 8;
  static constexpr size_t kPhases = 4;

  void run(int number, uint16_t port) {
    Client client(port);
    std::array<std::vector<int64_t>, kPhases> times;
    for (int i = 0; !stop_; ++i) {
      // Every other one is a session that nobody has seen.
      const std::string name = "load" + std::to_string(number);
      const int phase = phase_;
      const Answer answer = client.ask(i % 2 == 0 ? name : name + "-" + std::to_string(i));
      if (answer.status != 200) ++failed;
      times[static_cast<size_t>(phase)].push_back(answer.took.count());
      ++done_;
    }
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < kPhases; ++i) {
      times_[i].insert(times_[i].end(), times[i].begin(), times[i].end());
    }
  }

  std::atomic<bool> stop_{false};
  std::atomic<int> phase_{0};
  std::atomic<int> done_{0};
  std::mutex mutex_;
  std::array<std::vector<int64_t>, kPhases> times_;
  std::vector<std::thread> threads_;
};

class StickyStoreTest : public ::testing::Test {
 protected:
  std::string config(const std::string& redis, const std::string& more = {}) const {
    return test::edgeListener() +
           test::cluster("origin",
                         {origins_[0].server.address(), origins_[1].server.address(),
                          origins_[2].server.address()},
                         "stickiness { config { [stickiness/store] { client_identifier { cookie: "
                         "\"session\" } redis { " +
                             redis + " } " + more + " } } }") +
           test::runtime(2);
  }
  std::string atPort() const { return "address: \"" + redis_->address() + "\""; }

  // Two nodes that use the Redis.
  void start(const std::string& redis, const std::string& more = kPatient) {
    for (auto& node : nodes_) {
      node = std::make_unique<test::WeirProcess>(config(redis, more));
      ASSERT_NE(node->port("edge"), 0) << node->process().err();
    }
    for (auto& node : nodes_) ASSERT_TRUE(connected(*node)) << node->process().err();
  }
  // So that a busy machine does not make the store look slow.
  static constexpr char kPatient[] = "lookup_budget { seconds: 1 }";
  // All its workers are.
  static bool connected(test::WeirProcess& node) { return becomes(node, "connected", 2); }
  static bool becomes(test::WeirProcess& node, const std::string& gauge, int64_t value) {
    return test::eventually([&] { return stat(node, gauge) == value; });
  }
  static int64_t stat(test::WeirProcess& node, const std::string& name,
                      const std::string& outcome = {}) {
    return node.stat("sticky_store_" + name,
                     outcome.empty() ? outcome : "outcome=\"" + outcome + "\"");
  }
  int64_t both(const std::string& name, const std::string& outcome) {
    return stat(*nodes_[0], name, outcome) + stat(*nodes_[1], name, outcome);
  }
  std::array<uint16_t, 2> ports() { return {nodes_[0]->port("edge"), nodes_[1]->port("edge")}; }
  Answer ask(size_t node, const std::string& session) {
    return Client(nodes_[node]->port("edge")).ask(session);
  }
  void show(Load& load, const std::vector<const char*>& phases) {
    for (size_t i = 0; i < phases.size(); ++i) {
      const Load::Seen seen = load.seen(static_cast<int>(i));
      std::printf("%-22s %6zu requests, median %6.2f ms, p99 %6.2f ms, most %6.2f ms\n", phases[i],
                  seen.requests, static_cast<double>(seen.median_us) / 1e3,
                  static_cast<double>(seen.p99_us) / 1e3, static_cast<double>(seen.most_us) / 1e3);
    }
    for (const char* outcome : {"hit", "miss", "timeout", "error", "unavailable"}) {
      std::printf("lookups %-12s %lld\n", outcome,
                  static_cast<long long>(both("lookups_total", outcome)));
    }
    for (const char* outcome : {"created", "adopted", "refreshed", "error", "dropped"}) {
      std::printf("writes  %-12s %lld\n", outcome,
                  static_cast<long long>(both("writes_total", outcome)));
    }
    std::printf("failed requests      %d\n", load.failed.load());
  }

  std::array<Origin, 3> origins_{Origin("one"), Origin("two"), Origin("three")};
  std::unique_ptr<Redis> redis_ = std::make_unique<Redis>();
  std::array<std::unique_ptr<test::WeirProcess>, 2> nodes_;
};

TEST_F(StickyStoreTest, BothNodesLeadAClientToTheSameEndpoint) {
  ASSERT_NO_FATAL_FAILURE(start(atPort()));
  constexpr int kSessions = 200;
  std::set<std::string> origins;
  int different = 0;
  for (int i = 0; i < kSessions; ++i) {
    const std::string session = "s" + std::to_string(i);
    const size_t first = static_cast<size_t>(i) % 2;
    const std::string origin = ask(first, session).origin;
    origins.insert(origin);
    // The write is on its way.
    const std::string key = "sticky:origin:" + session;
    if (i < 5) {
      ASSERT_TRUE(test::eventually([&] { return redis_->cli({"exists", key}) == "1\n"; }));
    } else {
      ASSERT_TRUE(test::eventually([&] { return both("writes_total", "created") == i + 1; }));
    }
    if (ask(1 - first, session).origin != origin) ++different;
    if (ask(first, session).origin != origin) ++different;
  }
  EXPECT_EQ(different, 0);
  EXPECT_EQ(origins.size(), 3u) << "the algorithm has spread them";
  EXPECT_EQ(redis_->cli({"dbsize"}), std::to_string(kSessions) + "\n");
  const int64_t ttl = std::stoll(redis_->cli({"pttl", "sticky:origin:s7"}));
  EXPECT_GT(ttl, 3'000'000);
  EXPECT_LE(ttl, 3'600'000);
  EXPECT_EQ(both("lookups_total", "miss") + both("lookups_total", "timeout") +
                both("lookups_total", "hit") + both("lookups_total", "unavailable"),
            2 * kSessions);
  // A node that comes new knows what the others know.
  const std::string origin = ask(1, "s42").origin;
  nodes_[0] = std::make_unique<test::WeirProcess>(config(atPort(), kPatient));
  ASSERT_TRUE(connected(*nodes_[0]));
  EXPECT_EQ(ask(0, "s42").origin, origin);
}

TEST_F(StickyStoreTest, NodesThatRaceAgree) {
  ASSERT_NO_FATAL_FAILURE(start(atPort()));
  constexpr int kSessions = 300;
  std::array<std::map<std::string, std::string>, 2> chosen;
  std::vector<std::thread> threads;
  for (size_t node = 0; node < 2; ++node) {
    threads.emplace_back([&, node] {
      Client client(nodes_[node]->port("edge"));
      for (int i = 0; i < kSessions; ++i) {
        const std::string session = "r" + std::to_string(i);
        chosen[node][session] = client.ask(session).origin;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(test::eventually([&] { return both("writes_total", "created") == kSessions; }));
  int raced = 0;
  int different = 0;
  for (int i = 0; i < kSessions; ++i) {
    const std::string session = "r" + std::to_string(i);
    if (chosen[0][session] != chosen[1][session]) ++raced;
    const auto agree = [&] { return ask(0, session).origin == ask(1, session).origin; };
    if (!agree() && !test::eventually(agree, std::chrono::seconds(2))) ++different;
  }
  std::printf("%d of %d sessions began at two endpoints; %d are still at two\n", raced, kSessions,
              different);
  EXPECT_EQ(different, 0);
}

TEST_F(StickyStoreTest, WhenAnEndpointDiesBothNodesAgreeOnAnother) {
  ASSERT_NO_FATAL_FAILURE(start(atPort()));
  std::vector<std::string> of_one;
  for (int i = 0; i < 30; ++i) {
    const std::string session = "s" + std::to_string(i);
    if (ask(0, session).origin == "one") of_one.push_back(session);
  }
  ASSERT_FALSE(of_one.empty());
  ASSERT_TRUE(test::eventually([&] { return both("writes_total", "created") == 30; }));
  for (const std::string& session : of_one) EXPECT_EQ(ask(1, session).origin, "one");
  origins_[0].server.kill();
  for (const std::string& session : of_one) {
    const std::string here = ask(0, session).origin;
    EXPECT_NE(here, "one");
    const auto agree = [&] { return ask(0, session).origin == ask(1, session).origin; };
    EXPECT_TRUE(test::eventually(agree)) << session;
    const std::string stored = redis_->cli({"get", "sticky:origin:" + session});
    EXPECT_NE(stored, origins_[0].server.address() + "\n");
  }
}

TEST_F(StickyStoreTest, RedisIsKilledAndRestartedUnderLoad) {
  ASSERT_NO_FATAL_FAILURE(start(atPort(), "lookup_budget { nanos: 2000000 }"));
  Load load(ports());
  load.phase(0);
  redis_->kill();
  load.phase(1, 0);
  for (auto& node : nodes_) EXPECT_TRUE(becomes(*node, "connected", 0));
  load.phase(1);
  EXPECT_GT(both("lookups_total", "unavailable"), 0);
  ASSERT_NO_FATAL_FAILURE(redis_->start());
  for (auto& node : nodes_) EXPECT_TRUE(connected(*node));
  const int64_t created = both("writes_total", "created");
  load.phase(2);
  load.stop();
  show(load, {"with Redis", "Redis killed", "Redis restarted"});
  EXPECT_EQ(load.failed, 0);
  EXPECT_LT(load.seen(1).p99_us, 250'000);
  EXPECT_TRUE(test::eventually([&] { return both("writes_total", "created") > created; }));
  EXPECT_TRUE(test::eventually(
      [&] { return stat(*nodes_[0], "queued_writes") + stat(*nodes_[1], "queued_writes") == 0; }));
  // They agree again.
  const std::string origin = ask(0, "after").origin;
  ASSERT_TRUE(test::eventually([&] {
    return redis_->cli({"exists", "sticky:origin:after"}) == "1\n";
  }));
  EXPECT_TRUE(test::eventually([&] { return ask(1, "after").origin == origin; }));
}

TEST_F(StickyStoreTest, RedisHangsUnderLoad) {
  ASSERT_NO_FATAL_FAILURE(start(atPort(), "lookup_budget { nanos: 2000000 }"));
  Load load(ports());
  load.phase(0);
  redis_->signal(SIGSTOP);
  load.phase(1);
  redis_->signal(SIGCONT);
  for (auto& node : nodes_) EXPECT_TRUE(connected(*node));
  for (auto& node : nodes_) EXPECT_TRUE(becomes(*node, "resting", 0));
  load.phase(2);
  load.stop();
  show(load, {"with Redis", "Redis stopped", "Redis goes on"});
  EXPECT_EQ(load.failed, 0);
  EXPECT_GT(both("lookups_total", "timeout"), 0);
  EXPECT_GT(both("lookups_total", "unavailable"), 0) << "soon nobody waits";
  EXPECT_LT(load.seen(1).p99_us, 250'000);
}

TEST_F(StickyStoreTest, ByUnixSocketWithUserPasswordAndDatabase) {
  redis_ = std::make_unique<Redis>(std::vector<std::string>{
      "--user", "default", "off", "--user", "weir", "on", ">secret", "~sticky:*", "+@all"});
  ASSERT_FALSE(HasFatalFailure());
  const std::string password = redis_->folder().write("password", "secret\n");
  ASSERT_NO_FATAL_FAILURE(start("address: \"unix:" + redis_->socket() +
                                    "\" user: \"weir\" password_file: \"" + password +
                                    "\" database: 3",
                                std::string("key_prefix: \"sticky:\" ") + kPatient));
  const std::string origin = ask(0, "ann").origin;
  const auto stored = [&] {
    return redis_->cli({"--user", "weir", "--pass", "secret", "--no-auth-warning", "-n", "3", "get",
                        "sticky:ann"});
  };
  ASSERT_TRUE(test::eventually([&] { return stored().starts_with("127.0.0.1:"); })) << stored();
  EXPECT_EQ(ask(1, "ann").origin, origin);
}

TEST_F(StickyStoreTest, OverTlsToTheRightServerOnly) {
  const test::TemporaryFolder folder;
  test::CertificateAuthority authority(folder);
  const auto pair = authority.issue("redis", "DNS:redis.example");
  const uint16_t tls_port = test::freePort();
  redis_ = std::make_unique<Redis>(std::vector<std::string>{
      "--tls-port", std::to_string(tls_port), "--tls-cert-file", pair.certificate, "--tls-key-file",
      pair.key, "--tls-auth-clients", "no", "--tls-ca-cert-file", authority.file()});
  ASSERT_FALSE(HasFatalFailure());
  const auto server = [&](const std::string& name) {
    return "address: \"127.0.0.1:" + std::to_string(tls_port) +
           "\" transport_socket { config { [transport_sockets/upstream_tls] { ca_files: \"" +
           authority.file() + "\" server_name: \"" + name + "\" } } }";
  };
  ASSERT_NO_FATAL_FAILURE(start(server("redis.example")));
  const std::string origin = ask(0, "ann").origin;
  ASSERT_TRUE(test::eventually([&] {
    return redis_->cli({"exists", "sticky:origin:ann"}) == "1\n";
  }));
  EXPECT_EQ(ask(1, "ann").origin, origin);
  // Somebody else's certificate.
  test::WeirProcess stranger(config(server("other.example"), kPatient));
  ASSERT_NE(stranger.port("edge"), 0) << stranger.process().err();
  EXPECT_TRUE(test::eventually([&] { return stat(stranger, "connect_failures_total") >= 2; }));
  EXPECT_EQ(stat(stranger, "connected"), 0);
  EXPECT_EQ(Client(stranger.port("edge")).ask("ann").status, 200);
}

TEST_F(StickyStoreTest, TcpSessionsStayByTheirAddress) {
  const std::string text =
      test::tcpListener("edge", "[network_filters/tcp_proxy] { cluster: \"origin\" }") +
      test::cluster("origin",
                    {origins_[0].server.address(), origins_[1].server.address(),
                     origins_[2].server.address()},
                    "stickiness { config { [stickiness/store] { client_identifier { "
                    "source_address { } } redis { " +
                        atPort() + " } " + kPatient + " } } }") +
      test::runtime(2);
  for (auto& node : nodes_) {
    node = std::make_unique<test::WeirProcess>(text);
    ASSERT_TRUE(connected(*node)) << node->process().err();
  }
  const std::string origin = ask(0, "x").origin;
  ASSERT_FALSE(origin.empty());
  ASSERT_TRUE(test::eventually([&] {
    return redis_->cli({"exists", "sticky:origin:127.0.0.1"}) == "1\n";
  }));
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(ask(0, "x").origin, origin);
    EXPECT_EQ(ask(1, "x").origin, origin);
  }
  EXPECT_EQ(stat(*nodes_[1], "lookups_total", "hit"), 1);
}

}  // namespace
}  // namespace weir
