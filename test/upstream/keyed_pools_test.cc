#include "source/upstream/keyed_pools.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/upstream/fake_needs.h"
#include "test/upstream/test_cluster.h"
#include "test/upstream/test_request.h"

namespace weir::upstream {
namespace {

using std::chrono::milliseconds;

network::Address address(const std::string& text) {
  return *network::Address::parse(text);
}

class KeyedPoolsTest : public testing::Test {
 protected:
  void TearDown() override {
    worker.clusters.apply({});
    worker.run();
    EXPECT_EQ(process.usage->connections, 0u);
    EXPECT_EQ(process.usage->pending, 0u);
    EXPECT_EQ(process.gauge("cluster_active_connections"), 0);
    EXPECT_EQ(worker.io.connections(), 0u);
  }
  void apply(network::TransportNeeds needs, const ClusterOptions& options = {}) {
    auto config = std::make_shared<ClusterConfig>(*process.config({origin.address()}, options));
    config->transport = std::make_shared<FakeNeeds>(needs);
    worker.clusters.apply({config});
  }
  WorkerEndpoint& endpoint() { return worker.cluster().host(0); }
  // A whole exchange for `target`; the number of the origin's connection it went over.
  size_t exchange(const network::TransportTarget& target) {
    TestRequest request(endpoint().httpPool(target));
    request.target = target;
    request.start();
    size_t number = 0;
    EXPECT_TRUE(worker.until([&] {
      const size_t accepted = origin.accepted();
      for (number = 0; number < accepted; ++number) {
        if (!origin.read(number).empty()) return true;
      }
      return false;
    }));
    origin.send(number, kOkAnswer);
    EXPECT_TRUE(worker.until([&] { return request.done; }));
    return number;
  }

  TestProcess process;
  TestWorker worker{process};
  TestOrigin origin;
};

TEST_F(KeyedPoolsTest, ConnectionsAreSharedUnderTheSameServerName) {
  apply({.server_name = true});
  EXPECT_TRUE(worker.cluster().transport().keyed());
  const network::Address one = address("10.0.0.1:1"), two = address("10.0.0.2:2");
  EXPECT_EQ(exchange({.server_name = "a.example", .source = &one, .connection_id = 1}), 0u);
  EXPECT_EQ(exchange({.server_name = "b.example", .source = &one, .connection_id = 1}), 1u);
  EXPECT_EQ(exchange({.server_name = "a.example", .source = &two, .connection_id = 2}), 0u)
      << "the client does not matter";
  EXPECT_EQ(exchange({.server_name = "b.example"}), 1u);
  EXPECT_EQ(endpoint().openConnections(), 2u);
}

TEST_F(KeyedPoolsTest, EachClientHasConnectionsOfItsOwn) {
  apply({.client = true});
  const network::Address one = address("10.0.0.1:1"), two = address("10.0.0.2:2");
  const network::Address to = address("10.0.0.9:80"), other = address("10.0.0.9:81");
  const network::TransportTarget first{
      .server_name = "x", .source = &one, .destination = &to, .connection_id = 1};
  EXPECT_EQ(exchange(first), 0u);
  network::TransportTarget next = first;
  next.server_name = "y";
  EXPECT_EQ(exchange(next), 0u) << "the name does not matter";
  next.source = &two;
  EXPECT_EQ(exchange(next), 1u);
  next.destination = &other;
  EXPECT_EQ(exchange(next), 2u);
  // The same address and port, used again by somebody else.
  next = first;
  next.connection_id = 2;
  EXPECT_EQ(exchange(next), 3u);
  EXPECT_EQ(exchange(first), 0u);
}

TEST_F(KeyedPoolsTest, APoolGoesWithItsLastConnection) {
  apply({.server_name = true}, {.idle_timeout = milliseconds(1000)});
  const network::TransportTarget target{.server_name = "a"};
  exchange(target);
  HttpPool* pool = &endpoint().httpPool(target);
  EXPECT_EQ(&endpoint().httpPool(target), pool);
  worker.dispatcher.advance(milliseconds(1100));
  EXPECT_EQ(endpoint().openConnections(), 0u);
  exchange(target);  // in another one, whatever its address
  EXPECT_EQ(endpoint().openConnections(), 1u);
}

TEST_F(KeyedPoolsTest, APoolGoesWhenConnectingFailsOrNobodyWaitsAnyMore) {
  apply({.server_name = true}, {.max_connections = 1, .max_pending_requests = 1});
  const network::TransportTarget a{.server_name = "a"}, b{.server_name = "b"};
  TestRequest busy(endpoint().httpPool(a));
  busy.start();
  worker.run();
  auto waiting = std::make_unique<TestRequest>(
      worker.cluster(), [&]() -> HttpPool& { return endpoint().httpPool(b); });
  waiting->start();
  EXPECT_TRUE(waiting->queued());
  TestRequest refused(worker.cluster(),
                      [&]() -> HttpPool& { return endpoint().httpPool({.server_name = "c"}); });
  refused.start();
  EXPECT_TRUE(refused.refused);
  waiting.reset();  // cancels
  worker.run();
  origin.kill();
  EXPECT_TRUE(worker.until([&] { return busy.resets + busy.told > 1; }));
  TestRequest failing(endpoint().httpPool(b));
  failing.start();
  EXPECT_TRUE(worker.until([&] { return failing.told == 1; }));
  EXPECT_EQ(failing.failure, PoolFailure::kConnectFailed);
}

// What holds the limit is closed wherever it is, the one used least recently first.
TEST_F(KeyedPoolsTest, IdleConnectionsOfOtherKeysMakeRoom) {
  apply({.server_name = true}, {.max_connections = 2});
  exchange({.server_name = "a"});
  exchange({.server_name = "b"});
  exchange({.server_name = "a"});
  EXPECT_EQ(exchange({.server_name = "c"}), 2u);
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(1); }));
  EXPECT_FALSE(origin.peerClosed(0));
  EXPECT_EQ(endpoint().openConnections(), 2u);
}

TEST_F(KeyedPoolsTest, ManyKeysAreBoundedByTheLimits) {
  apply({.client = true}, {.max_connections = 8});
  for (uint64_t client = 1; client <= 200; ++client) {
    exchange({.connection_id = client});
    ASSERT_LE(endpoint().openConnections(), 8u);
  }
  EXPECT_EQ(process.gauge("cluster_overflow_total"), 0);
}

TEST_F(KeyedPoolsTest, DrainingAndRemovingReachAllPools) {
  apply({.server_name = true});
  exchange({.server_name = "a"});
  exchange({.server_name = "b"});
  worker.clusters.drain();
  worker.run();
  EXPECT_EQ(endpoint().openConnections(), 0u);
  exchange({.server_name = "a"});
  EXPECT_EQ(endpoint().openConnections(), 0u) << "kept none";
}

TEST_F(KeyedPoolsTest, AnotherNeedOpensOtherConnections) {
  apply({.server_name = true});
  EXPECT_EQ(exchange({.server_name = "a"}), 0u);
  apply({});
  EXPECT_FALSE(worker.cluster().transport().keyed());
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(0); }));
  keepOneIdle(worker, origin);
  EXPECT_EQ(worker.pool().openConnections(), 1u);
  apply({.server_name = true});
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(1); }));
  EXPECT_EQ(exchange({.server_name = "a"}), 2u);
}

TEST(PoolKeyTest, PartsDoNotRunIntoEachOther) {
  const network::Address a = address("1.2.3.4:1"), b = address("[::1]:1"), c = address("unix:/s");
  const network::Address* addresses[] = {nullptr, &a, &b, &c};
  std::vector<std::string> keys;
  BoundTransport transport;
  transport.needs = {.server_name = true, .client = true};
  for (const auto* source : addresses) {
    for (const auto* destination : addresses) {
      for (const char* name : {"", "a", "ab"}) {
        writePoolKey(
            transport,
            {.server_name = name, .source = source, .destination = destination, .connection_id = 7},
            keys.emplace_back());
      }
    }
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    for (size_t j = 0; j < i; ++j) EXPECT_NE(keys[i], keys[j]) << i << " " << j;
  }
}

TEST(PoolKeyTest, AnOriginalSourceIsAHostAndNoPort) {
  const network::Address a = address("1.2.3.4:1"), b = address("1.2.3.4:2"),
                         c = address("1.2.3.5:1");
  BoundTransport transport;
  transport.original_source = true;
  EXPECT_TRUE(transport.keyed());
  std::string keys[3];
  writePoolKey(transport, {.source = &a, .connection_id = 1}, keys[0]);
  writePoolKey(transport, {.source = &b, .connection_id = 2}, keys[1]);
  writePoolKey(transport, {.source = &c, .connection_id = 3}, keys[2]);
  EXPECT_EQ(keys[0], keys[1]);
  EXPECT_NE(keys[0], keys[2]);
}

}  // namespace
}  // namespace weir::upstream
