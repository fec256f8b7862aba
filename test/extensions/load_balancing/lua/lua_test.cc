#include "extensions/load_balancing/lua/lua.h"

#include <set>

#include "gtest/gtest.h"

#include "source/http/message.h"
#include "test/extensions/load_balancing/lua/lua_worker.h"

namespace weir::extensions::load_balancing::lua {
namespace {

using upstream::HostSet;
using upstream::hostsOf;
using upstream::Pick;
using upstream::PickContext;

constexpr std::string_view kLeastLoaded = R"lua(
function choose(endpoints)
  local best, load = nil, math.huge
  for i = 1, #endpoints do
    local own = endpoints:inFlight(i) / endpoints:weight(i)
    if own < load and not endpoints:tried(i) then best, load = i, own end
  end
  return best
end)lua";

TEST(LuaBalancerTest, TheScriptChooses) {
  LuaWorker worker(kLeastLoaded);
  ASSERT_EQ(worker.error, "");
  worker.use(hostsOf({1, 1, 4}));
  worker.loads->counts = {2, 1, 3};
  EXPECT_EQ(worker.pick().host, 2u);
  worker.loads->counts = {2, 1, 5};
  EXPECT_EQ(worker.pick().host, 1u);
  const std::vector<uint32_t> tried = {1};
  EXPECT_EQ(worker.pick({.tried = tried}).host, 2u);
  EXPECT_EQ(worker.store.valueOf("chosen"), 3);
  EXPECT_EQ(worker.store.valueOf("fallback"), 0);
  EXPECT_EQ(worker.metric("lua_errors_total"), 0);
}

TEST(LuaBalancerTest, TheForecastDoesNotRunTheScript) {
  LuaWorker worker("function choose() error('never') end");
  worker.use(hostsOf({1, 1}));
  upstream::PickForecast out;
  out.scores.resize(2);
  worker.algorithm->forecast({}, out);
  EXPECT_EQ(out.rule,
            "a script chooses, which is not run to explain; where it names none: each in turn, in "
            "proportion to weights; each worker for itself");
  EXPECT_FALSE(out.host);
  EXPECT_FALSE(out.scores[0] || out.scores[1]);
  EXPECT_EQ(worker.metric("lua_errors_total"), 0);
  EXPECT_EQ(worker.store.valueOf("chosen") + worker.store.valueOf("fallback"), 0);
  worker.use(hostsOf({1}));
  worker.algorithm->forecast({}, out);
  EXPECT_EQ(out.host, 0u) << "there is no other";
}

TEST(LuaBalancerTest, NilIsRoundRobin) {
  LuaWorker worker("function choose() end");
  worker.use(hostsOf({1, 1, 1}));
  std::set<uint32_t> picked;
  for (int i = 0; i < 3; ++i) picked.insert(worker.pick().host);
  EXPECT_EQ(picked.size(), 3u);
  EXPECT_EQ(worker.store.valueOf("fallback"), 3);
  EXPECT_EQ(worker.metric("lua_errors_total"), 0);
}

TEST(LuaBalancerTest, WhatIsTriedIsNotTakenAgain) {
  LuaWorker worker("function choose() return 2 end");
  worker.use(hostsOf({1, 1, 1}));
  EXPECT_EQ(worker.pick().host, 1u);
  const std::vector<uint32_t> tried = {1, 2};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(worker.pick({.tried = tried}).host, 0u);
}

TEST(LuaBalancerTest, AWrongAnswerIsAnErrorAndTheFallbackChooses) {
  for (const char* answer : {"0",
                             "4",
                             "-1",
                             "1.5",
                             "1/0",
                             "0/0",
                             "'1'",
                             "{}",
                             "true",
                             "2^40",
                             "endpoints",
                             "-2^63",
                             "error('x')",
                             "endpoints:weight(0)",
                             "endpoints:weight(4)",
                             "endpoints:weight('a')",
                             "endpoints.weight(nil, 1)",
                             "endpoints:metadata(1)",
                             "context.nothing",
                             "context:header()",
                             "context.header(endpoints, 'a')",
                             "coroutine.yield()",

                             "setmetatable({}, 1)",
                             "endpoints:metadata(1, {})"}) {
    LuaWorker worker(base::concat("function choose(endpoints, context) return ", answer, " end"));
    ASSERT_EQ(worker.error, "") << answer;
    worker.use(hostsOf({1, 1, 1}));
    const Pick pick = worker.pick();
    EXPECT_EQ(pick.kind, Pick::Kind::kEndpoint) << answer;
    EXPECT_LT(pick.host, 3u) << answer;
    EXPECT_EQ(worker.metric("lua_errors_total"), 1) << answer;
    EXPECT_EQ(worker.store.valueOf("fallback"), 1) << answer;
  }
}

TEST(LuaBalancerTest, KnowsEndpoints) {
  LuaWorker worker(R"lua(
    function choose(e)
      assert(#e == 2 and e:count() == 2)
      assert(e:id(1) == 'e0' and e:id(2) == 'e1')
      assert(e:weight(2) == 5)
      assert(e:locality(1) == nil and e:locality(2) == 'eu/a')
      assert(e:metadata(2, 'zone') == 'a' and e:metadata(2, 'x') == nil)
      assert(e:health(1) == 'healthy')
      assert(e:priority(1) == 0)
      assert(e:address(2) == '10.0.0.2:80')
      assert(not e:full(1) and not e:tried(1))
      assert(e:latency(1) == nil and e:successes(1) == 0)
      assert(math.abs(e:latency(2) - 0.05) < 1e-9)
      assert(e:successes(2) == 1 and e:failures(2) == 1)
      return 2
    end)lua");
  ASSERT_EQ(worker.error, "");
  HostSet set = *hostsOf({1, 5});
  auto second = std::make_shared<upstream::Endpoint>(*set.hosts[1].endpoint);
  second->locality = "eu/a";
  second->metadata = {{"zone", "a"}};
  second->address = *network::Address::parse("10.0.0.2:80");
  set.hosts[1].endpoint = second;
  const auto shared = upstream::eligible(2, set.hosts);
  worker.use(shared);
  worker.algorithm->onResponse(1, std::chrono::milliseconds(50), true, {});
  worker.algorithm->onResponse(1, std::chrono::microseconds(0), false, {});
  EXPECT_EQ(worker.pick().host, 1u);
  EXPECT_EQ(worker.metric("lua_errors_total"), 0);
  // What was learnt stays with the endpoint when the host set changes.
  worker.use(upstream::eligible(3, set.hosts));
  EXPECT_EQ(worker.pick().host, 1u);
  EXPECT_EQ(worker.metric("lua_errors_total"), 0);
}

TEST(LuaBalancerTest, KnowsTheRequest) {
  LuaWorker worker(R"lua(
    function choose(e, c)
      assert(c.attempt == 3 and c.hash == 2)
      assert(c.remote_ip == '192.0.2.7' and c.remote_port == 99)
      assert(c.remote_address == '192.0.2.7:99')
      assert(c.method == 'GET' and c.path == '/a' and c.query == 'b=1' and c.target == '/a?b=1')
      assert(c.host == 'shop' and c:header('X-User') == 'ann' and c:header('y') == nil)
      assert(c:metadataMatch('zone') == 'a' and c:metadataMatch('x') == nil)
      assert(c.tls_version == nil and c.local_address == nil)
      return 1
    end)lua");
  worker.use(hostsOf({1}));
  http::RequestHead head;
  head.method = "GET";
  head.path = "/a?b=1";
  head.authority = "shop";
  head.headers.add("x-user", "ann");
  const network::Address source = *network::Address::parse("192.0.2.7:99");
  const upstream::MetadataMatch match = {{"zone", "a"}};
  PickContext context;
  context.request = &head;
  context.source = &source;
  context.hash = uint64_t{2} << 11;
  context.attempt = 2;
  context.metadata = &match;
  worker.pick(context);
  EXPECT_EQ(worker.metric("lua_errors_total"), 0);
}

TEST(LuaBalancerTest, ConnectionsHaveNoRequest) {
  LuaWorker worker(R"lua(
    function choose(e, c)
      assert(c.method == nil and c.path == nil and c:header('a') == nil and c.remote_ip == nil)
      assert(c.hash == nil and c:metadataMatch('a') == nil)
      return 1
    end)lua");
  worker.use(hostsOf({1}));
  worker.pick();
  EXPECT_EQ(worker.metric("lua_errors_total"), 0);
}

TEST(LuaBalancerTest, HandlesDoNotOutliveTheChoice) {
  LuaWorker worker(R"lua(
    local kept
    function choose(e, c)
      if kept then pcall(error) end
      kept = kept or e
      return coroutine.wrap(function() return kept:count() end)()
    end)lua");
  worker.use(hostsOf({1, 1}));
  EXPECT_EQ(worker.pick().host, 1u);  // within the same call
  EXPECT_EQ(worker.pick().host, 1u);  // the handle stands for what is asked now
  EXPECT_EQ(worker.metric("lua_errors_total"), 0);
}

TEST(LuaBalancerTest, ARunawayIsEnded) {
  auto script = LuaWorker::scriptOf("function choose() while true do end end");
  script.cpu_time = std::chrono::milliseconds(5);
  LuaWorker worker(script);
  worker.use(hostsOf({1, 1}));
  EXPECT_EQ(worker.pick().kind, Pick::Kind::kEndpoint);
  EXPECT_EQ(worker.metric("lua_budget_kills_total"), 1);
}

TEST(LuaBalancerTest, AfterFailuresItIsLeftOut) {
  auto script = LuaWorker::scriptOf("function choose() error('no') end");
  script.bypass_failures = 3;
  LuaWorker worker(script);
  worker.use(hostsOf({1, 1}));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(worker.pick().kind, Pick::Kind::kEndpoint);
  EXPECT_EQ(worker.metric("lua_errors_total"), 3);
  EXPECT_EQ(worker.metric("lua_bypasses_total"), 1);
  EXPECT_EQ(worker.store.valueOf("fallback"), 10);
}

TEST(LuaBalancerTest, GroupsShareOneState) {
  LuaWorker worker("n = 0 function choose() n = n + 1 return n end");
  worker.use(hostsOf({1, 1, 1}));
  const auto other =
      worker.factory->createAlgorithm({.random = worker.random, .services = &worker.services});
  upstream::adopt(*other, *worker.hosts, *worker.loads);
  EXPECT_EQ(worker.pick().host, 0u);
  EXPECT_EQ(other->pick({}).host, 1u);
  EXPECT_EQ(worker.pick().host, 2u);
  EXPECT_EQ(worker.metric("lua_states"), 1);
}

TEST(LuaBalancerTest, NobodyIsThere) {
  LuaWorker worker("function choose() return 1 end");
  worker.use(hostsOf({}));
  EXPECT_EQ(worker.pick().kind, Pick::Kind::kFailure);
}

// Whatever a script answers, the endpoint is one that may be picked, and not one that was tried
// while others remain.
TEST(LuaBalancerTest, NeverPicksWhoIsNotEligible) {
  LuaWorker worker(R"lua(
    local odd = {nil, 0, 1.5, -1, 'x', true, {}, 1/0, 0/0, 2^53, function() end}
    function choose(e)
      local n = math.random(1, 24)
      if n == 20 then error('x') end
      if n == 21 then return e end
      if n == 22 then return odd[math.random(1, 11)] end
      return n - 4
    end)lua");
  ASSERT_EQ(worker.error, "");
  base::Random random(3);
  for (int round = 0; round < 300; ++round) {
    std::vector<HostSet::Host> all =
        hostsOf(std::vector<uint32_t>(1 + random.uniform(12), 1))->hosts;
    for (HostSet::Host& host : all) {
      if (random.uniform(3) == 0) host.health = upstream::Health::kDisabled;
    }
    worker.use(upstream::eligible(static_cast<uint64_t>(round + 1), all));
    const std::vector<uint32_t>& eligible = worker.hosts->eligible;
    std::vector<uint32_t> tried;
    for (int i = 0; i < 20; ++i) {
      const Pick pick = worker.pick({.tried = tried});
      ASSERT_EQ(pick.kind == Pick::Kind::kEndpoint, !eligible.empty());
      if (eligible.empty()) break;
      ASSERT_TRUE(std::binary_search(eligible.begin(), eligible.end(), pick.host));
      const bool again = upstream::isTried({.tried = tried}, pick.host);
      ASSERT_TRUE(!again || tried.size() == eligible.size());
      if (!again && random.uniform(2) == 0) tried.push_back(pick.host);
    }
  }
  EXPECT_GT(worker.store.valueOf("chosen"), 100);
  EXPECT_GT(worker.store.valueOf("fallback"), 100);
}

}  // namespace
}  // namespace weir::extensions::load_balancing::lua
