#include "extensions/udp_filters/udp_proxy/udp_proxy.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "source/network/udp_listener.h"
#include "test/network/udp_peer.h"
#include "test/upstream/listening_balancer.h"
#include "test/upstream/test_cluster.h"

namespace weir::extensions::udp_filters::udp_proxy {
namespace {

using network::Address;
using network::UdpPeer;
using std::chrono::milliseconds;

// A listener with a udp_proxy on one worker under simulated time, and endpoints on loopback.
class UdpProxyTest : public testing::Test {
 protected:
  UdpProxyTest() { config_.cluster = "c"; }
  ~UdpProxyTest() override {
    listener_.reset();
    worker_.run();
  }

  void start(const std::string& address = "127.0.0.1:0", network::UdpOffload offload = {}) {
    useEndpoints();
    auto listener = listenerConfig(address);
    auto sockets = network::ListenSocketSet::bind(*listener, 1);
    ASSERT_TRUE(sockets.ok()) << sockets.status();
    sockets_ = *std::move(sockets);
    worker_.services.put(worker_.clusters);
    listener_ = std::make_unique<network::UdpListener>(
        worker_.io, worker_.services, sockets_->fd(0), sockets_->address(), budget_, offload);
    listener_->update(listener);
  }
  std::shared_ptr<network::ListenerConfig> listenerConfig(const std::string& address) {
    auto listener = std::make_shared<network::ListenerConfig>();
    listener->name = "l";
    listener->address = *Address::parse(address);
    listener->udp_filter = std::make_shared<UdpProxyFactory>(config_);
    return listener;
  }
  void useEndpoints() {
    std::vector<Address> addresses;
    for (const UdpPeer* endpoint : endpoints_) addresses.push_back(endpoint->address());
    worker_.clusters.apply({process_.config(addresses, options_)});
  }
  // As a new snapshot does.
  void reconfigure() {
    useEndpoints();
    listener_->update(listenerConfig("127.0.0.1:0"));
    worker_.run();
  }
  Address at(const std::string& ip = "127.0.0.1") const {
    return Address::parse(ip + ":1")->withPort(sockets_->address().port());
  }
  UdpPeer::Received next(const UdpPeer& peer) {
    UdpPeer::Received got;
    worker_.until([&] {
      got = peer.receive(0);
      return got.from.family() != Address::Family::kNone;
    });
    return got;
  }
  // Nothing comes, although all has been handed on.
  bool silent(const UdpPeer& peer) {
    worker_.run();
    return peer.receive(0).from.family() == Address::Family::kNone;
  }
  // A question of `client` that `endpoint` answers; where the endpoint saw it come from.
  Address exchange(const UdpPeer& client, const UdpPeer& endpoint, const std::string& text) {
    client.send(text, at());
    const auto asked = next(endpoint);
    EXPECT_EQ(asked.bytes, text);
    if (asked.from.family() == Address::Family::kNone) return {};
    endpoint.send("re: " + text, asked.from);
    EXPECT_EQ(next(client).bytes, "re: " + text);
    return asked.from;
  }
  int64_t stat(const std::string& name) const {
    return process_.store.valueOf("udp_proxy_" + name, {{"listener", "l"}});
  }
  int64_t dropped(const std::string& reason) const {
    return process_.store.valueOf("udp_proxy_dropped_total",
                                  {{"listener", "l"}, {"reason", reason}});
  }

  std::vector<upstream::Report> reports_;
  upstream::ClusterOptions options_;
  upstream::TestProcess process_;
  upstream::TestWorker worker_{process_};
  UdpProxyConfig config_;
  UdpPeer one_, two_;
  std::vector<UdpPeer*> endpoints_{&one_};
  std::shared_ptr<network::ConnectionBudget> budget_ =
      std::make_shared<network::ConnectionBudget>(0);
  std::unique_ptr<network::ListenSocketSet> sockets_;
  std::unique_ptr<network::UdpListener> listener_;
};

TEST_F(UdpProxyTest, ASessionPerClient) {
  start();
  const UdpPeer a, b;
  const Address first = exchange(a, one_, "a1");
  const Address second = exchange(b, one_, "b1");
  EXPECT_FALSE(first == second);
  EXPECT_EQ(exchange(a, one_, "a2"), first);
  EXPECT_EQ(stat("sessions_total"), 2);
  EXPECT_EQ(stat("sessions_active"), 2);
  EXPECT_EQ(stat("forwarded_total"), 3);
  EXPECT_EQ(stat("forwarded_bytes_total"), 6);
  EXPECT_EQ(stat("answered_total"), 3);
  EXPECT_EQ(worker_.cluster().inFlight(0), 2u);
  EXPECT_EQ(process_.gauge("cluster_active_connections"), 2);
  EXPECT_EQ(budget_->open(), 2u);
}

TEST_F(UdpProxyTest, AnswersFindTheirClientOutOfOrder) {
  start();
  const UdpPeer a, b;
  a.send("a", at());
  b.send("b", at());
  const auto from_a = next(one_);
  const auto from_b = next(one_);
  one_.send("for " + from_b.bytes, from_b.from);
  one_.send("for " + from_a.bytes, from_a.from);
  EXPECT_EQ(next(a).bytes, "for a");
  EXPECT_EQ(next(b).bytes, "for b");
}

TEST_F(UdpProxyTest, OneClientOnTwoAddressesHasTwoSessions) {
  start("0.0.0.0:0");
  const UdpPeer client;
  client.send("x", at("127.0.0.1"));
  const auto first = next(one_);
  client.send("y", at("127.0.0.2"));
  const auto second = next(one_);
  EXPECT_FALSE(first.from == second.from);
  one_.send("to y", second.from);
  const auto answer = next(client);
  EXPECT_EQ(answer.bytes, "to y");
  EXPECT_EQ(answer.from.toString(), at("127.0.0.2").toString());
}

TEST_F(UdpProxyTest, Ipv6ClientsAndIpv6Endpoints) {
  UdpPeer six("[::1]:0");
  endpoints_ = {&six};
  start("[::]:0");
  const UdpPeer client("[::1]:0");
  client.send("six", at("[::1]"));
  const auto asked = next(six);
  EXPECT_EQ(asked.bytes, "six");
  six.send("answer", asked.from);
  EXPECT_EQ(next(client).bytes, "answer");
}

TEST_F(UdpProxyTest, EndsWhenSilentAndNotBefore) {
  start();
  const UdpPeer client;
  exchange(client, one_, "x");
  worker_.dispatcher.advance(milliseconds(59'000));
  exchange(client, one_, "y");  // counts anew
  worker_.dispatcher.advance(milliseconds(59'000));
  EXPECT_EQ(stat("sessions_active"), 1);
  worker_.dispatcher.advance(milliseconds(1'100));
  EXPECT_EQ(stat("sessions_active"), 0);
  EXPECT_EQ(stat("timeouts_total"), 1);
  EXPECT_EQ(worker_.cluster().inFlight(0), 0u);
  EXPECT_EQ(budget_->open(), 0u);
  EXPECT_EQ(worker_.dispatcher.watcherCount(), 1u);
  exchange(client, one_, "z");
  EXPECT_EQ(stat("sessions_total"), 2);
}

TEST_F(UdpProxyTest, LastsNoLongerThanItMay) {
  config_.max_duration = milliseconds(3'000);
  start();
  const UdpPeer client;
  for (int i = 0; i < 3; ++i) {
    exchange(client, one_, "x");
    worker_.dispatcher.advance(milliseconds(900));
  }
  EXPECT_EQ(stat("sessions_active"), 1);
  exchange(client, one_, "x");
  worker_.dispatcher.advance(milliseconds(400));
  EXPECT_EQ(stat("sessions_active"), 0);
}

TEST_F(UdpProxyTest, EndsAfterTheExpectedResponses) {
  config_.max_responses = 2;
  start();
  const UdpPeer client;
  client.send("x", at());
  const auto asked = next(one_);
  for (const char* text : {"1", "2", "3"}) one_.send(text, asked.from);
  EXPECT_EQ(next(client).bytes, "1");
  EXPECT_EQ(next(client).bytes, "2");
  EXPECT_TRUE(silent(client));
  EXPECT_EQ(stat("sessions_active"), 0);
}

TEST_F(UdpProxyTest, TheBalancerHearsOfTheFirstAnswerOrItsRefusal) {
  options_.load_balancer = std::make_shared<upstream::Listening>(reports_);
  start();
  const UdpPeer client, late;
  exchange(client, one_, "1");
  exchange(client, one_, "2");
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_TRUE(reports_[0].success);
  one_.close();
  late.send("3", at());
  worker_.until([&] { return stat("endpoint_errors_total") == 1; });
  ASSERT_EQ(reports_.size(), 2u);
  EXPECT_FALSE(reports_[1].success);
}

TEST_F(UdpProxyTest, ARefusingEndpointIsLeftForAnother) {
  endpoints_ = {&one_, &two_};
  start();
  const UdpPeer client;
  client.send("1", at());
  const bool first = !next(one_).bytes.empty();
  UdpPeer& refusing = first ? one_ : two_;
  UdpPeer& other = first ? two_ : one_;
  refusing.close();
  client.send("2", at());  // refused, which comes back as an error
  worker_.until([&] { return stat("endpoint_errors_total") == 1; });
  client.send("3", at());
  EXPECT_EQ(next(other).bytes, "3");
  EXPECT_EQ(stat("endpoint_errors_total"), 1);
  EXPECT_EQ(stat("sessions_total"), 1);
  EXPECT_EQ(process_.gauge("cluster_connect_failures_total"), 1);
}

TEST_F(UdpProxyTest, NoEndpointAtAll) {
  endpoints_.clear();
  start();
  const UdpPeer client;
  client.send("x", at());
  worker_.until([&] { return dropped("no_endpoint") == 1; });
  EXPECT_EQ(dropped("no_endpoint"), 1);
  endpoints_ = {&one_};
  reconfigure();
  exchange(client, one_, "y");
}

TEST_F(UdpProxyTest, NewClientsAreDroppedWhenFull) {
  config_.max_sessions = 2;
  start();
  const UdpPeer a, b, c;
  exchange(a, one_, "a");
  exchange(b, one_, "b");
  c.send("c", at());
  EXPECT_TRUE(silent(one_));
  EXPECT_EQ(dropped("too_many_sessions"), 1);
  exchange(a, one_, "a again");
}

TEST_F(UdpProxyTest, OrTakeTheLongestSilentOnesPlace) {
  config_.max_sessions = 2;
  config_.replace_when_full = true;
  start();
  const UdpPeer a, b, c;
  const Address of_a = exchange(a, one_, "a");
  exchange(b, one_, "b");
  exchange(a, one_, "a");
  exchange(c, one_, "c");  // instead of b
  EXPECT_EQ(exchange(a, one_, "a"), of_a);
  EXPECT_EQ(stat("replaced_total"), 1);
  EXPECT_EQ(stat("sessions_active"), 2);
}

TEST_F(UdpProxyTest, TheBudgetOfTheProcessCounts) {
  budget_->setLimit(1);
  start();
  const UdpPeer a, b;
  exchange(a, one_, "a");
  b.send("b", at());
  EXPECT_TRUE(silent(one_));
  EXPECT_EQ(dropped("too_many_sessions"), 1);
}

TEST_F(UdpProxyTest, ManySourcesStayWithinBounds) {
  config_.max_sessions = 100;
  config_.replace_when_full = true;
  start();
  constexpr int kSources = 1'000;
  // A source is an address and a port; each bound socket is one, closed at once.
  for (int i = 0; i < kSources; ++i) {
    const UdpPeer source("127." + std::to_string(1 + i % 250) + ".0.9:0");
    source.send("flood", at());
    worker_.run();
    ASSERT_LE(worker_.dispatcher.watcherCount(), 101u);
  }
  EXPECT_EQ(stat("sessions_active"), 100);
  EXPECT_EQ(stat("sessions_total"), kSources);
  EXPECT_EQ(stat("replaced_total"), kSources - 100);
  const UdpPeer client;
  while (!silent(one_)) {
  }
  exchange(client, one_, "still served");
}

TEST_F(UdpProxyTest, LargerDatagramsThanAllowedAreDropped) {
  config_.max_datagram_bytes = 1'000;
  start();
  const UdpPeer client;
  client.send(std::string(1'001, 'x'), at());
  exchange(client, one_, std::string(1'000, 'y'));
  EXPECT_EQ(dropped("too_large"), 1);
}

TEST_F(UdpProxyTest, ARateIsABurstAndThenSoManyPerSecond) {
  config_.max_datagrams_per_second = 5;
  start();
  const UdpPeer client;
  for (int i = 0; i < 8; ++i) client.send("x", at());
  worker_.until([&] { return dropped("rate_limited") == 3; });
  EXPECT_EQ(dropped("rate_limited"), 3);
  EXPECT_EQ(stat("forwarded_total"), 5);
  worker_.dispatcher.advance(milliseconds(410));
  for (int i = 0; i < 3; ++i) client.send("x", at());
  worker_.until([&] { return dropped("rate_limited") == 4; });
  EXPECT_EQ(stat("forwarded_total"), 7);
}

TEST_F(UdpProxyTest, BytesHaveARateToo) {
  config_.max_bytes_per_second = 2'500;
  start();
  const UdpPeer client;
  for (int i = 0; i < 3; ++i) client.send(std::string(1'000, 'x'), at());
  worker_.until([&] { return dropped("rate_limited") == 1; });
  EXPECT_EQ(stat("forwarded_bytes_total"), 2'000);
}

TEST_F(UdpProxyTest, LargeDatagramsBothWays) {
  start();
  const UdpPeer client;
  const std::string large(network::kMaxDatagramBytes, 'L');
  client.send(large, at());
  const auto asked = next(one_);
  EXPECT_EQ(asked.bytes, large);
  one_.send(large, asked.from);
  EXPECT_EQ(next(client).bytes, large);
  client.send("", at());
  EXPECT_EQ(next(one_).from, asked.from);
}

// What a QUIC peer sends and what the kernel joins must come out as it went in.
TEST_F(UdpProxyTest, RunsOfDatagramsWithAndWithoutOffload) {
  for (const bool with : {true, false}) {
    SCOPED_TRACE(with);
    const network::UdpOffload offload{.receive = with,
                                      .send_limit = with ? network::kMaxDatagramBytes : 0};
    if (listener_ == nullptr) {
      start("127.0.0.1:0", offload);
    } else {
      listener_.reset();
      sockets_.reset();
      start("127.0.0.1:0", offload);
    }
    const UdpPeer client;
    std::string bytes;
    for (int i = 0; i < 30; ++i) bytes += std::string(1'200, static_cast<char>('a' + i % 26));
    bytes += "short";
    network::UdpOffload sender;
    const Address to = at();
    const network::UdpDatagrams run{
        .peer = &to, .local = nullptr, .bytes = bytes, .segment_bytes = 1'200};
    ASSERT_EQ(network::sendDatagrams(client.fd(), {&run, 1}, sender, false).sent, 31u);
    Address from;
    for (int i = 0; i < 31; ++i) {
      const auto got = next(one_);
      ASSERT_EQ(got.bytes, bytes.substr(i * 1'200u, 1'200)) << i;
      from = got.from;
    }
    const network::UdpDatagrams back{
        .peer = &from, .local = nullptr, .bytes = bytes, .segment_bytes = 1'200};
    ASSERT_EQ(network::sendDatagrams(one_.fd(), {&back, 1}, sender, false).sent, 31u);
    for (int i = 0; i < 31; ++i) {
      ASSERT_EQ(next(client).bytes, bytes.substr(i * 1'200u, 1'200)) << i;
    }
  }
}

TEST_F(UdpProxyTest, AnUpdateKeepsSessions) {
  start();
  const UdpPeer client;
  const Address from = exchange(client, one_, "before");
  config_.idle_timeout = milliseconds(1'000);
  reconfigure();
  EXPECT_EQ(exchange(client, one_, "after"), from);
  EXPECT_EQ(stat("sessions_total"), 1);
  worker_.dispatcher.advance(milliseconds(1'100));
  EXPECT_EQ(stat("sessions_active"), 0) << "the new timeout holds";
}

TEST_F(UdpProxyTest, SessionsOfARemovedEndpointMove) {
  start();
  const UdpPeer client;
  const Address from = exchange(client, one_, "before");
  endpoints_ = {&two_};
  reconfigure();
  one_.send("late", from);
  EXPECT_EQ(next(client).bytes, "late");
  exchange(client, two_, "after");
  EXPECT_EQ(stat("moved_total"), 1);
  EXPECT_EQ(stat("sessions_total"), 1);
}

TEST_F(UdpProxyTest, OrEnd) {
  config_.removed = UdpProxyConfig::Removed::kEnd;
  start();
  const UdpPeer client;
  exchange(client, one_, "before");
  endpoints_ = {&two_};
  reconfigure();
  EXPECT_EQ(stat("sessions_active"), 0);
  exchange(client, two_, "after");
}

TEST_F(UdpProxyTest, OrStay) {
  config_.removed = UdpProxyConfig::Removed::kKeep;
  start();
  const UdpPeer client;
  exchange(client, one_, "before");
  endpoints_ = {&two_};
  reconfigure();
  exchange(client, one_, "after");
  const UdpPeer other;
  exchange(other, two_, "new");
}

TEST_F(UdpProxyTest, DrainingEndsSilentSessionsAndTakesNoNewOnes) {
  start();
  const UdpPeer client, late;
  exchange(client, one_, "before");
  listener_->drain();
  late.send("late", at());
  EXPECT_TRUE(silent(one_));
  EXPECT_EQ(dropped("draining"), 1);
  worker_.dispatcher.advance(milliseconds(900));
  exchange(client, one_, "during");
  worker_.dispatcher.advance(milliseconds(900));
  EXPECT_EQ(listener_->sessions(), 1u);
  worker_.dispatcher.advance(milliseconds(200));
  EXPECT_EQ(listener_->sessions(), 0u);
}

TEST_F(UdpProxyTest, CloseAllEndsEverySession) {
  start();
  const UdpPeer a, b;
  exchange(a, one_, "a");
  exchange(b, one_, "b");
  listener_->closeAll();
  worker_.run();
  EXPECT_EQ(listener_->sessions(), 0u);
  EXPECT_EQ(worker_.dispatcher.watcherCount(), 0u);
  EXPECT_EQ(worker_.cluster().inFlight(0), 0u);
}

TEST_F(UdpProxyTest, WithoutItsClusterNothingPasses) {
  start();
  const UdpPeer client;
  exchange(client, one_, "before");
  worker_.clusters.apply({});
  listener_->update(listenerConfig("127.0.0.1:0"));
  client.send("after", at());
  worker_.until([&] { return dropped("no_endpoint") == 1; });
  EXPECT_EQ(dropped("no_endpoint"), 1);
}

TEST(UdpTokenBucket, FillsWithTimeUpToOneSecondsWorth) {
  TokenBucket bucket;
  event::MonotonicTime now{std::chrono::hours(1)};
  EXPECT_EQ(bucket.take(100, 1, 10, now), 10u);
  EXPECT_EQ(bucket.take(1, 1, 10, now), 0u);
  now += milliseconds(250);
  EXPECT_EQ(bucket.take(100, 1, 10, now), 2u);
  now += std::chrono::hours(5);
  EXPECT_EQ(bucket.take(100, 4, 10, now), 2u);
}

}  // namespace
}  // namespace weir::extensions::udp_filters::udp_proxy
