// Nodes of a fleet that share a table, with simulated time.

#include "extensions/stickiness/store/store.h"

#include <sched.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/http/message.h"
#include "source/upstream/cluster.h"
#include "test/redis/fake_redis.h"
#include "test/support/allocation_counter.h"
#include "test/upstream/test_cluster.h"

namespace weir::extensions::stickiness::store {
namespace {

using redis::test::FakeRedis;
using redis::test::RedisCommand;
using std::chrono::milliseconds;
using upstream::Health;
using upstream::HostSet;
using upstream::Pick;

StoreOptions options() {
  StoreOptions options{
      .client = ClientIdentifier({{.kind = upstream::HashKey::Kind::kCookie, .name = "session"}})};
  options.shared.key_prefix = "sticky:c:";
  options.refresh = options.limits.ttl / 4;
  return options;
}

// Takes the first endpoint that may be picked, from `*from` on in the order of the host set.
class Fixed final : public upstream::LoadBalancer, public upstream::LoadBalancerFactory {
 public:
  explicit Fixed(const uint32_t* from) : from_(from) {}
  std::string_view name() const override { return "fixed"; }
  std::unique_ptr<upstream::LoadBalancer> create(const upstream::BalancerContext&) const override {
    return std::make_unique<Fixed>(from_);
  }
  void onHostSet(const HostSet& hosts, const upstream::HostLoads&) override { hosts_ = &hosts; }
  Pick pick(const upstream::PickContext&) override {
    for (const uint32_t host : hosts_->eligible) {
      if (host >= *from_) return Pick::endpoint(host);
    }
    return hosts_->eligible.empty() ? Pick::failure("none")
                                    : Pick::endpoint(hosts_->eligible.front());
  }

 private:
  const uint32_t* const from_;
  const HostSet* hosts_ = nullptr;
};

// One process of a fleet with one worker.
struct Node {
  explicit Node(const network::Address& redis, StoreOptions with = options()) {
    with.shared.server.address = redis;
    factory =
        std::make_shared<StoreFactory>(std::move(with), StoreStats::create(process.store, "c"));
    follow({{"one", Health::kHealthy}, {"two", Health::kHealthy}, {"three", Health::kHealthy}});
  }
  ~Node() {
    worker.clusters.apply({});
    worker.run();
  }

  using Members = std::vector<std::pair<std::string, Health>>;
  void follow(const Members& members) {
    auto config = std::make_shared<upstream::ClusterConfig>(*process.config({}));
    std::vector<HostSet::Host> hosts;
    for (const auto& [id, health] : members) {
      auto endpoint = std::make_shared<upstream::Endpoint>();
      endpoint->id = id;
      endpoint->address = *network::Address::parse("127.0.0.1:1");
      hosts.push_back({.endpoint = std::move(endpoint), .health = health});
    }
    auto made = upstream::eligible(++version, std::move(hosts));
    made->sticky = factory->prepare(*made);
    config->hosts = std::move(made);
    config->load_balancer = std::make_shared<Fixed>(&preferred);
    config->stickiness = factory;
    config->stickiness_identity = identity;
    config->sticky_stats = upstream::StickyStats::create(process.store, "c");
    worker.clusters.apply({config});
  }
  bool connected() const { return process.gauge("sticky_store_connected") == 1; }
  int64_t lookups(const std::string& outcome) const {
    return process.store.valueOf("sticky_store_lookups_total",
                                 {{"cluster", "c"}, {"outcome", outcome}});
  }
  int64_t writes(const std::string& outcome) const {
    return process.store.valueOf("sticky_store_writes_total",
                                 {{"cluster", "c"}, {"outcome", outcome}});
  }

  uint32_t preferred = 0;  // of endpoints
  upstream::TestProcess process;
  upstream::TestWorker worker{process};
  std::shared_ptr<const StoreFactory> factory;
  std::string identity = "a";
  uint64_t version = 0;
};

// A request of one client at one node.
class Request final : public upstream::StickyWaiter {
 public:
  Request(Node& node, const std::string& session, bool may_wait = true) : node_(node) {
    if (!session.empty()) head.headers.add("Cookie", "session=" + session);
    if (may_wait) sticky.waiter = this;
    choose();
  }
  ~Request() { sticky.cancel(); }
  void onStickyFound() override {
    EXPECT_EQ(got, "lookup");
    choose();
  }
  // The answer of the endpoint that was chosen.
  void answer(http::ResponseHead& response) {
    node_.worker.cluster().stickyAnswer(context(), *endpoint_, response);
  }

  http::RequestHead head;
  upstream::StickyRequest sticky;
  std::string got;  // the endpoint's id, or "lookup", or why not

 private:
  upstream::PickContext context() {
    upstream::PickContext context;
    context.request = &head;
    context.sticky = &sticky;
    return context;
  }
  void choose() {
    auto choice = node_.worker.cluster().choose(context());
    if (choice.kind == Pick::Kind::kLookup) {
      got = "lookup";
    } else if (choice.kind == Pick::Kind::kEndpoint) {
      got = choice.endpoint->endpoint().id;
      endpoint_ = choice.endpoint;
    } else {
      got = choice.reason;
    }
  }
  Node& node_;
  base::LocalRef<upstream::WorkerEndpoint> endpoint_;
};

class StoreTest : public ::testing::Test {
 protected:
  Node& add(StoreOptions with = options()) {
    nodes_.push_back(std::make_unique<Node>(redis_.address(), std::move(with)));
    Node& node = *nodes_.back();
    EXPECT_TRUE(until([&] { return node.connected(); }));
    return node;
  }
  // All nodes and the server turn until it is so.
  bool until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      turn();
      if (std::chrono::steady_clock::now() > end) return false;
      ::sched_yield();
    }
    return true;
  }
  void turn() {
    server_.runUntilIdle();
    for (const auto& node : nodes_) node->worker.run();
  }
  // Until the request has an endpoint.
  std::string got(Request& request) {
    EXPECT_TRUE(until([&] { return request.got != "lookup"; }));
    return request.got;
  }
  std::string ask(Node& node, const std::string& session) {
    Request request(node, session);
    return got(request);
  }
  // Time goes on for all; what they ask soon is answered.
  void advance(milliseconds time) {
    const milliseconds soon = std::min(time, milliseconds(150));
    for (const milliseconds part : {soon, time - soon}) {
      for (const auto& node : nodes_) node->worker.dispatcher.advance(part);
      for (int i = 0; i < 3; ++i) turn();
    }
  }

  event::FakeDispatcher server_;
  FakeRedis redis_{server_};
  std::vector<std::unique_ptr<Node>> nodes_;
};

TEST_F(StoreTest, TheSameClientComesToTheSameEndpointOnAllNodes) {
  Node& first = add();
  Node& second = add();
  for (int i = 0; i < 30; ++i) {
    const std::string session = "s" + std::to_string(i);
    first.preferred = static_cast<uint32_t>(i % 3);
    const std::string chosen = ask(first, session);
    ASSERT_TRUE(until([&] { return redis_.values.count("sticky:c:" + session) == 1; }));
    EXPECT_EQ(redis_.values["sticky:c:" + session], chosen);
    EXPECT_EQ(ask(second, session), chosen);
    EXPECT_EQ(ask(first, session), chosen);
    EXPECT_EQ(ask(second, session), chosen);
  }
  EXPECT_EQ(first.lookups("miss"), 30);
  EXPECT_EQ(second.lookups("hit"), 30);
  EXPECT_EQ(first.process.gauge("sticky_store_local_hits_total"), 30);
  EXPECT_EQ(second.process.gauge("sticky_store_local_hits_total"), 30);
}

TEST_F(StoreTest, WhoHasNoIdentifierIsNotBound) {
  Node& node = add();
  const size_t commands = redis_.commands.size();
  EXPECT_EQ(Request(node, "").got, "one");
  node.preferred = 1;
  EXPECT_EQ(Request(node, "").got, "two");
  turn();
  EXPECT_EQ(redis_.commands.size(), commands);
}

TEST_F(StoreTest, TwoNodesThatRaceAgree) {
  Node& first = add();
  Node& second = add();
  second.preferred = 1;
  // Both ask before either has written.
  Request here(first, "ann");
  Request there(second, "ann");
  EXPECT_EQ(here.got, "lookup");
  EXPECT_EQ(there.got, "lookup");
  redis_.holds = true;
  ASSERT_TRUE(until([&] { return redis_.count("GET") == 2; }));
  redis_.release();
  got(here);
  got(there);
  EXPECT_NE(here.got, there.got) << "each has chosen by itself";
  ASSERT_TRUE(until([&] {
    return first.writes("created") + second.writes("created") == 1 &&
           first.writes("adopted") + second.writes("adopted") == 1;
  }));
  const std::string winner = redis_.values["sticky:c:ann"];
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask(first, "ann"), winner);
    EXPECT_EQ(ask(second, "ann"), winner);
  }
}

TEST_F(StoreTest, WhenTheEndpointGoesDownTwoNodesAgreeOnAnother) {
  Node& first = add();
  Node& second = add();
  const std::string before = ask(first, "ann");
  ASSERT_TRUE(until([&] { return redis_.values.count("sticky:c:ann") == 1; }));
  EXPECT_EQ(ask(second, "ann"), before);
  Node::Members members;
  for (const char* id : {"one", "two", "three"}) {
    members.emplace_back(id, id == before ? Health::kUnhealthy : Health::kHealthy);
  }
  first.follow(members);
  second.follow(members);
  second.preferred = 2;
  Request here(first, "ann");
  Request there(second, "ann");
  EXPECT_EQ(here.got, "two");
  EXPECT_EQ(there.got, "three");
  ASSERT_TRUE(until([&] {
    return first.writes("replaced") + second.writes("replaced") == 1 &&
           first.writes("adopted") + second.writes("adopted") == 1;
  }));
  const std::string now = redis_.values["sticky:c:ann"];
  EXPECT_NE(now, before);
  EXPECT_EQ(ask(first, "ann"), now);
  EXPECT_EQ(ask(second, "ann"), now);
}

TEST_F(StoreTest, WhatTheStoreSaysOfStrangersIsNoBinding) {
  redis_.values = {{"sticky:c:ann", "gone"}, {"sticky:c:bob", std::string("\0\xff\r\n", 4)}};
  Node& node = add();
  for (const char* session : {"ann", "bob"}) {
    const std::string chosen = ask(node, session);
    ASSERT_TRUE(until([&] { return redis_.values["sticky:c:" + std::string(session)] == chosen; }))
        << session;
    EXPECT_EQ(ask(node, session), chosen);
  }
  EXPECT_EQ(node.lookups("unknown"), 2);
}

TEST_F(StoreTest, AnEndpointThatWasRemovedIsReplaced) {
  Node& node = add();
  const std::string before = ask(node, "ann");
  ASSERT_TRUE(until([&] { return node.writes("created") == 1; }));
  Node::Members members;
  for (const char* id : {"one", "two", "three"}) {
    if (id != before) members.emplace_back(id, Health::kHealthy);
  }
  node.follow(members);
  const std::string after = ask(node, "ann");
  EXPECT_NE(after, before);
  ASSERT_TRUE(until([&] { return redis_.values["sticky:c:ann"] == after; }));
  EXPECT_EQ(ask(node, "ann"), after);
}

TEST_F(StoreTest, AMissThatIsNotAnsweredFallsBackAndIsSettledLater) {
  redis_.values = {{"sticky:c:ann", "two"}};
  Node& node = add();
  redis_.holds = true;
  Request request(node, "ann");
  EXPECT_EQ(request.got, "lookup");
  node.worker.dispatcher.advance(milliseconds(2));
  turn();
  EXPECT_EQ(request.got, "one") << "by the algorithm";
  EXPECT_EQ(node.lookups("timeout"), 1);
  ASSERT_TRUE(until([&] { return redis_.count("SET") == 1; }));
  redis_.release();
  ASSERT_TRUE(until([&] { return node.writes("adopted") == 1; }));
  EXPECT_EQ(ask(node, "ann"), "two");
}

TEST_F(StoreTest, ItIsUsedWithoutAServer) {
  redis_.stopListening();
  nodes_.push_back(std::make_unique<Node>(redis_.address()));
  Node& node = *nodes_.back();
  const std::string chosen = Request(node, "ann").got;
  EXPECT_EQ(chosen, "one") << "nobody waits";
  EXPECT_EQ(Request(node, "ann").got, chosen) << "this process knows";
  EXPECT_EQ(node.process.gauge("sticky_store_queued_writes"), 1);
}

TEST_F(StoreTest, WhoCannotWaitDoesNot) {
  redis_.values = {{"sticky:c:ann", "two"}};
  Node& node = add();
  Request request(node, "ann", /*may_wait=*/false);
  EXPECT_EQ(request.got, "one");
  EXPECT_EQ(node.lookups("unavailable"), 0);
  ASSERT_TRUE(until([&] { return node.writes("adopted") == 1; }));
  EXPECT_EQ(Request(node, "ann", /*may_wait=*/false).got, "two");
}

TEST_F(StoreTest, AnIdThatTheApplicationGivesIsBoundToWhereItWasGiven) {
  Node& first = add();
  Node& second = add();
  Request login(first, "");
  EXPECT_EQ(login.got, "one");
  http::ResponseHead response;
  response.headers.add("Set-Cookie", "session=fresh; Path=/");
  login.answer(response);
  EXPECT_EQ(Request(first, "fresh").got, "one");
  ASSERT_TRUE(until([&] { return redis_.values["sticky:c:fresh"] == "one"; }));
  EXPECT_EQ(ask(second, "fresh"), "one");
  // Who gives it again does not take it away.
  first.preferred = 1;
  Request other(first, "");
  EXPECT_EQ(other.got, "two");
  other.answer(response);
  EXPECT_EQ(Request(first, "fresh").got, "one");
}

TEST_F(StoreTest, BindingsThatAreUsedAreRefreshedAQuarterOfTheTtlApart) {
  Node& node = add();
  const std::string chosen = ask(node, "ann");
  ASSERT_TRUE(until([&] { return node.writes("created") == 1; }));
  for (int minute = 0; minute < 60; ++minute) {
    advance(std::chrono::minutes(1));
    EXPECT_EQ(ask(node, "ann"), chosen);
    turn();
  }
  advance(milliseconds(200));
  turn();
  EXPECT_GE(redis_.count("PEXPIRE"), 3u);
  EXPECT_LE(redis_.count("PEXPIRE"), 4u);
  // What another node has made of it meanwhile is taken over.
  redis_.values["sticky:c:ann"] = chosen == "one" ? "two" : "one";
  for (int minute = 0; minute < 16; ++minute) {
    advance(std::chrono::minutes(1));
    ask(node, "ann");
    turn();
  }
  advance(milliseconds(200));
  ASSERT_TRUE(until([&] { return ask(node, "ann") == redis_.values["sticky:c:ann"]; }));
}

TEST_F(StoreTest, AServerThatHasForgottenLearnsAgain) {
  Node& node = add();
  const std::string chosen = ask(node, "ann");
  ASSERT_TRUE(until([&] { return node.writes("created") == 1; }));
  redis_.values.clear();
  advance(std::chrono::minutes(16));
  EXPECT_EQ(ask(node, "ann"), chosen);
  advance(milliseconds(200));
  ASSERT_TRUE(until([&] { return redis_.values["sticky:c:ann"] == chosen; }));
}

TEST_F(StoreTest, AnotherConfigurationKeepsTheTableAndTellsWhoWaits) {
  Node& node = add();
  const std::string chosen = ask(node, "ann");
  redis_.holds = true;
  Request waiting(node, "bob");
  EXPECT_EQ(waiting.got, "lookup");
  // Another server.
  FakeRedis other(server_);
  StoreOptions with = options();
  with.shared.server.address = other.address();
  node.factory =
      std::make_shared<StoreFactory>(std::move(with), StoreStats::create(node.process.store, "c"));
  node.identity = "b";
  node.worker.dispatcher.post([&] {
    node.follow(
        {{"one", Health::kHealthy}, {"two", Health::kHealthy}, {"three", Health::kHealthy}});
  });
  ASSERT_TRUE(until([&] { return other.accepted() == 1 && waiting.got != "lookup"; }));
  EXPECT_EQ(Request(node, "ann").got, chosen);
  ASSERT_TRUE(until([&] { return node.connected(); }));
  other.values["sticky:c:eve"] = "three";
  EXPECT_EQ(ask(node, "eve"), "three");
}

TEST_F(StoreTest, AClientThatIsKnownCostsNoAllocation) {
  if (!weir::test::AllocationCounter::available()) GTEST_SKIP();
  Node& node = add();
  const std::string chosen = ask(node, "ann");
  http::RequestHead head;
  head.headers.add("Cookie", "session=ann");
  const auto choose = [&] {
    upstream::StickyRequest sticky;
    upstream::PickContext context;
    context.request = &head;
    context.sticky = &sticky;
    return node.worker.cluster().choose(context);
  };
  choose();
  const weir::test::AllocationCounter counter("");
  int followed = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto choice = choose();
    if (choice.endpoint->endpoint().id == chosen) ++followed;
  }
  EXPECT_EQ(counter.count(), 0u);
  EXPECT_EQ(followed, 1000);
}

TEST_F(StoreTest, TheClusterGoesWhileARequestWaits) {
  Node& node = add();
  redis_.holds = true;
  Request waiting(node, "ann");
  EXPECT_EQ(waiting.got, "lookup");
  waiting.sticky.cancel();
  node.worker.dispatcher.post([&] { node.worker.clusters.apply({}); });
  turn();
  EXPECT_EQ(node.process.gauge("sticky_store_connected"), 0);
  EXPECT_EQ(waiting.got, "lookup") << "it has taken its question back";
}

}  // namespace
}  // namespace weir::extensions::stickiness::store
