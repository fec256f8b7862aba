#include "extensions/load_balancing/prequal/http_prober.h"

#include <deque>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/load_balancing/prequal/prequal.h"
#include "test/upstream/fake_needs.h"
#include "test/upstream/test_cluster.h"
#include "test/upstream/test_http2_origin.h"
#include "test/upstream/test_request.h"

namespace weir::extensions::load_balancing::prequal {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using upstream::ClusterOptions;
using upstream::TestOrigin;

constexpr char kAnswer[] =
    "HTTP/1.1 200 OK\r\nX-Requests-In-Flight: 12\r\nX-Latency-Estimate-Us: 3400\r\n"
    "Content-Length: 2\r\n\r\nok";

// Names the endpoints that the test has put down, and notes the answers.
struct FakeOwner final : ProbeOwner {
  uint32_t nextTarget(event::MonotonicTime) override {
    if (targets.empty()) return kNobody;
    const uint32_t target = targets.front();
    targets.pop_front();
    return target;
  }
  void onProbe(uint32_t host, const ProbeAnswer& answer, event::MonotonicTime) override {
    hosts.push_back(host);
    answers.push_back(answer);
  }
  std::deque<uint32_t> targets;
  std::vector<uint32_t> hosts;
  std::vector<ProbeAnswer> answers;
};

class HttpProberTest : public testing::Test {
 protected:
  void TearDown() override {
    prober.reset();
    worker.clusters.apply({});
    worker.run();
    EXPECT_EQ(process.usage->connections, 0u);
    EXPECT_EQ(process.usage->pending, 0u);
    EXPECT_EQ(process.usage->requests, 0u);
    EXPECT_EQ(worker.io.connections(), 0u);
  }
  void apply(const ClusterOptions& cluster = {}) {
    worker.clusters.apply({process.config({origin.address()}, cluster)});
    prober = std::make_unique<HttpProber>(worker.cluster(), options, owner);
  }
  void ask(std::deque<uint32_t> targets = {0}) {
    owner.targets = std::move(targets);
    prober->want(static_cast<uint32_t>(owner.targets.size()));
    worker.run();
  }
  std::string request(size_t number = 0) {
    std::string head;
    worker.until([&] { return (head += origin.read(number)).ends_with("\r\n\r\n"); });
    return head;
  }
  ProbeAnswer answer() {
    worker.until([&] { return !owner.answers.empty(); });
    if (owner.answers.size() != 1) {
      ADD_FAILURE() << owner.answers.size();
      return {};
    }
    const ProbeAnswer answer = owner.answers.front();
    owner.answers.clear();
    return answer;
  }
  ProbeResult resultOf(std::string_view response) {
    ask();
    const size_t number = origin.accepted() - 1;
    request(number);
    origin.send(number, response);
    return answer().result;
  }

  HttpProbeOptions options;
  TestOrigin origin;
  upstream::TestProcess process;
  upstream::TestWorker worker{process};
  FakeOwner owner;
  std::unique_ptr<HttpProber> prober;
};

TEST_F(HttpProberTest, AsksAndReads) {
  apply();
  ask();
  const std::string head = request();
  EXPECT_THAT(head, StartsWith("GET /.well-known/weir/load HTTP/1.1\r\n"));
  EXPECT_THAT(head, HasSubstr("ost: " + origin.address().toString() + "\r\n"));
  origin.send(0, kAnswer);
  const ProbeAnswer told = answer();
  EXPECT_EQ(told.result, ProbeResult::kAnswered);
  EXPECT_EQ(told.requests_in_flight, 12u);
  EXPECT_EQ(told.latency_us, 3400u);
  EXPECT_EQ(owner.hosts, std::vector<uint32_t>{0});
  // The connection is one of the pool, for the next probe or request.
  EXPECT_EQ(resultOf(kAnswer), ProbeResult::kAnswered);
  EXPECT_EQ(origin.accepted(), 1u);
  // It is no request of the cluster.
  EXPECT_EQ(process.store.valueOf("cluster_requests_total", {{"cluster", "c"}}), 0);
  EXPECT_EQ(worker.cluster().host(0).in_flight, 0u);
}

TEST_F(HttpProberTest, AsksWhatTheConfigurationSays) {
  options.path = "/load?of=me";
  options.host = "shop.example";
  apply();
  ask();
  const std::string head = request();
  EXPECT_THAT(head, StartsWith("GET /load?of=me HTTP/1.1\r\n"));
  EXPECT_THAT(head, HasSubstr("ost: shop.example\r\n"));
}

TEST_F(HttpProberTest, NotFromWithinThePick) {
  apply();
  owner.targets = {0};
  prober->want(1);
  EXPECT_EQ(owner.targets.size(), 1u);
  worker.run();
  EXPECT_EQ(owner.targets.size(), 0u);
}

TEST_F(HttpProberTest, TellsWhatIsNoAnswer) {
  apply();
  const auto ok = [](std::string_view fields) {
    return "HTTP/1.1 200 OK\r\n" + std::string(fields) + "Content-Length: 0\r\n\r\n";
  };
  EXPECT_EQ(resultOf("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), ProbeResult::kRefused);
  EXPECT_EQ(resultOf("HTTP/1.1 302 Found\r\nX-Requests-In-Flight: 1\r\nX-Latency-Estimate-Us: 1\r\n"
                     "Content-Length: 0\r\n\r\n"),
            ProbeResult::kRefused);
  EXPECT_EQ(resultOf("HTTP/1.1 204 No Content\r\nX-Requests-In-Flight: 1\r\n"
                     "X-Latency-Estimate-Us: 1\r\n\r\n"),
            ProbeResult::kAnswered);
  EXPECT_EQ(resultOf("HTTP/1.1 103 Early Hints\r\n\r\n" + std::string(kAnswer)),
            ProbeResult::kAnswered);
  for (const char* fields :
       {"", "X-Requests-In-Flight: 1\r\n", "X-Latency-Estimate-Us: 1\r\n",
        "X-Requests-In-Flight: 1\r\nX-Latency-Estimate-Us: -1\r\n",
        "X-Requests-In-Flight: 1.5\r\nX-Latency-Estimate-Us: 1\r\n",
        "X-Requests-In-Flight: +1\r\nX-Latency-Estimate-Us: 1\r\n",
        "X-Requests-In-Flight: 1 2\r\nX-Latency-Estimate-Us: 1\r\n",
        "X-Requests-In-Flight: \r\nX-Latency-Estimate-Us: 1\r\n",
        "X-Requests-In-Flight: 1\r\nX-Requests-In-Flight: 1\r\nX-Latency-Estimate-Us: 1\r\n",
        "X-Requests-In-Flight: 1000000001\r\nX-Latency-Estimate-Us: 1\r\n",
        "X-Requests-In-Flight: 1\r\nX-Latency-Estimate-Us: 3600000001\r\n",
        "X-Requests-In-Flight: 99999999999999999999999\r\nX-Latency-Estimate-Us: 1\r\n"}) {
    EXPECT_EQ(resultOf(ok(fields)), ProbeResult::kMalformed) << fields;
  }
  EXPECT_EQ(origin.accepted(), 1u);
  EXPECT_EQ(resultOf("who are you?\r\n\r\n"), ProbeResult::kFailed);
}

TEST_F(HttpProberTest, AnEndlessBodyIsNoAnswer) {
  apply();
  ask();
  request();
  origin.send(0,
              "HTTP/1.1 200 OK\r\nX-Requests-In-Flight: 1\r\nX-Latency-Estimate-Us: 1\r\n"
              "Content-Length: 1000000\r\n\r\n");
  worker.run();
  EXPECT_EQ(owner.answers.size(), 0u);
  origin.send(0, std::string(20'000, 'x'));
  EXPECT_EQ(answer().result, ProbeResult::kMalformed);
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(0); }));
}

TEST_F(HttpProberTest, GivesUpInTime) {
  apply();
  ask();
  request();
  worker.dispatcher.advance(milliseconds(240));
  EXPECT_EQ(owner.answers.size(), 0u);
  worker.dispatcher.advance(milliseconds(40));
  EXPECT_EQ(answer().result, ProbeResult::kTimeout);
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(0); }));
  EXPECT_EQ(resultOf(kAnswer), ProbeResult::kAnswered);  // over another connection
}

TEST_F(HttpProberTest, GivesUpWaitingForAConnection) {
  const upstream::FullOrigin full;
  worker.clusters.apply({process.config({full.address()})});
  prober = std::make_unique<HttpProber>(worker.cluster(), options, owner);
  ask();
  worker.dispatcher.advance(milliseconds(300));
  EXPECT_EQ(answer().result, ProbeResult::kTimeout);
}

TEST_F(HttpProberTest, NobodyThere) {
  apply();
  origin.kill();
  ask();
  EXPECT_EQ(answer().result, ProbeResult::kFailed);
}

TEST_F(HttpProberTest, TheConnectionBreaks) {
  apply();
  ask();
  request();
  origin.close(0, /*reset=*/true);
  EXPECT_EQ(answer().result, ProbeResult::kFailed);
}

TEST_F(HttpProberTest, OnlySoManyAtATime) {
  options.max_in_flight = 2;
  std::deque<TestOrigin> origins(4);
  std::vector<network::Address> addresses;
  for (const TestOrigin& one : origins) addresses.push_back(one.address());
  worker.clusters.apply({process.config(addresses)});
  prober = std::make_unique<HttpProber>(worker.cluster(), options, owner);
  ask({0, 1, 2, 3});
  EXPECT_EQ(owner.targets.size(), 2u);
  worker.until([&] { return !origins[1].read(0).empty(); });
  origins[1].send(0, kAnswer);
  answer();
  ask({2, 3});
  EXPECT_EQ(owner.targets.size(), 1u);
}

TEST_F(HttpProberTest, AnEndpointMayGoMeanwhile) {
  apply();
  ask();
  request();
  worker.clusters.apply({process.config({TestOrigin().address()})});
  origin.send(0, kAnswer);
  worker.until([&] { return worker.io.connections() == 0; });
  EXPECT_EQ(owner.answers.size(), 0u);  // nobody wants to know
  EXPECT_EQ(worker.io.connections(), 0u);
  prober.reset();
}

TEST_F(HttpProberTest, ThePoolMayGoMeanwhile) {
  apply();
  ask();
  request();
  prober.reset();  // closes what is on its way
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(0); }));
}

TEST_F(HttpProberTest, ADrainingClusterIsNotAsked) {
  apply();
  worker.clusters.drain();
  ask();
  EXPECT_EQ(owner.targets.size(), 1u);
}

// A connection that tells who the client is can be used for nobody else.
TEST_F(HttpProberTest, ConnectionsOfCertainClientsAreNotUsed) {
  ClusterOptions cluster;
  cluster.transport =
      std::make_shared<upstream::FakeNeeds>(network::TransportNeeds{.client = true});
  apply(cluster);
  ask();
  EXPECT_EQ(owner.targets.size(), 1u);
  EXPECT_EQ(origin.accepted(), 0u);
}

TEST_F(HttpProberTest, Http2) {
  upstream::TestHttp2Origin peer(origin);
  ClusterOptions cluster;
  cluster.http_protocol = upstream::HttpProtocol::kHttp2;
  apply(cluster);
  ask();
  const auto arrived = [&] {
    return worker.until([&] {
      peer.pump();
      return peer.connections() == 1 && peer.open(0).size() == 1;
    });
  };
  ASSERT_TRUE(arrived());
  const uint32_t stream = peer.open(0).front();
  peer.send(0, test::http2::headers(stream,
                                    test::http2::hpack::block({{":status", "204"},
                                                               {"x-requests-in-flight", "7"},
                                                               {"x-latency-estimate-us", "9"}}),
                                    test::http2::kEndHeaders | test::http2::kEndStream));
  const ProbeAnswer told = answer();
  EXPECT_EQ(told.result, ProbeResult::kAnswered);
  EXPECT_EQ(told.requests_in_flight, 7u);
  ask();
  worker.dispatcher.advance(milliseconds(300));
  EXPECT_EQ(answer().result, ProbeResult::kTimeout);
  EXPECT_EQ(worker.io.connections(), 1u);  // only the stream is gone
}

// The algorithm in its cluster, with a probe on its way when both go.
TEST_F(HttpProberTest, TheClusterMayGoMeanwhile) {
  auto config = std::make_shared<upstream::ClusterConfig>(*process.config({origin.address()}));
  config->load_balancer = std::make_shared<PrequalFactory>(
      PrequalOptions{}, std::nullopt, std::make_shared<HttpProberFactory>(options));
  worker.clusters.apply({config});
  const http::RequestHead head;
  upstream::PickContext context;
  context.request = &head;
  EXPECT_EQ(worker.cluster().choose(context).kind, upstream::Pick::Kind::kEndpoint);
  EXPECT_THAT(request(), StartsWith("GET /.well-known"));
  worker.clusters.apply({});
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(0); }));
}

}  // namespace
}  // namespace weir::extensions::load_balancing::prequal
