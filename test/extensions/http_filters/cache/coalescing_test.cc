// Many clients, one request to the origin.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "test/extensions/http_filters/cache/cache_fixture.h"

namespace weir::extensions::http_filters::cache {
namespace {

const OriginAnswer kFresh{.headers = {{"Cache-Control", "max-age=100"}}, .body = "shared"};

TEST(Coalescing, OneFetchServesAllWhoAskMeanwhile) {
  CacheFixture cache;
  std::vector<std::unique_ptr<Exchange>> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(cache.get("/x"));
  EXPECT_EQ(cache.fetched(), 1u);
  for (const auto& client : clients) EXPECT_EQ(client->status, 0);
  cache.origin->last().answer(kFresh);
  cache.dispatcher.runUntilIdle();
  for (const auto& client : clients) {
    EXPECT_EQ(client->body, "shared");
    EXPECT_TRUE(client->ended);
  }
  EXPECT_EQ(cache.fetched(), 1u);
  EXPECT_EQ(cache.count("joined"), 49);
  EXPECT_NE(clients[1]->header("cache-status").find("collapsed"), std::string::npos);
}

TEST(Coalescing, TheBodyIsSharedAsItComes) {
  CacheFixture cache;
  const auto first = cache.get("/x");
  const auto second = cache.get("/x");
  cache.origin->last().head({.headers = {{"Cache-Control", "max-age=100"}}, .body = "onetwo"},
                            false);
  cache.origin->last().body("one", false);
  cache.dispatcher.runUntilIdle();
  EXPECT_EQ(first->body, "one");
  EXPECT_EQ(second->body, "one");
  const auto third = cache.get("/x");  // comes late, gets it from the start
  EXPECT_EQ(third->body, "one");
  cache.origin->last().body("two", true);
  cache.dispatcher.runUntilIdle();
  for (const auto* client : {first.get(), second.get(), third.get()}) {
    EXPECT_EQ(client->body, "onetwo");
    EXPECT_TRUE(client->ended);
  }
  EXPECT_EQ(cache.fetched(), 1u);
}

TEST(Coalescing, TheOneWhoseRequestItWasMayGo) {
  CacheFixture cache;
  auto first = cache.get("/x");
  const auto second = cache.get("/x");
  first.reset();
  cache.origin->last().answer(kFresh);
  cache.dispatcher.runUntilIdle();
  EXPECT_EQ(second->body, "shared");
  auto third = cache.get("/y");
  third.reset();
  cache.origin->last().answer(kFresh);
  cache.dispatcher.runUntilIdle();
  EXPECT_EQ(cache.get("/y")->body, "shared");
  EXPECT_EQ(cache.fetched(), 2u);
}

TEST(Coalescing, WhatCannotBeStoredIsAskedForByEveryone) {
  CacheFixture cache;
  const auto first = cache.get("/x");
  const auto second = cache.get("/x");
  const auto third = cache.get("/x");
  cache.origin->requests.front().answer(
      {.headers = {{"Cache-Control", "private"}}, .body = "for the first"});
  cache.dispatcher.runUntilIdle();
  EXPECT_EQ(first->body, "for the first");
  EXPECT_EQ(cache.fetched(), 3u);
  EXPECT_EQ(second->status, 0);
  cache.answer({.headers = {{"Cache-Control", "private"}}, .body = "own"});
  // From now on nobody waits for another.
  const auto fourth = cache.get("/x");
  EXPECT_EQ(fourth->body, "own");
  EXPECT_EQ(cache.fetched(), 4u);
}

TEST(Coalescing, WaitingIsBoundedInTime) {
  CacheFixture cache;
  const auto first = cache.get("/x");
  const auto second = cache.get("/x");
  cache.advance(6);
  EXPECT_EQ(cache.fetched(), 2u);
  cache.origin->last().answer({.body = "own"});
  EXPECT_EQ(second->body, "own");
  EXPECT_EQ(first->status, 0);
}

TEST(Coalescing, WaitingIsBoundedInNumber) {
  CacheRules rules;
  rules.max_waiting = 2;
  CacheFixture cache(rules);
  std::vector<std::unique_ptr<Exchange>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(cache.get("/x"));
  EXPECT_EQ(cache.fetched(), 3u);  // one, two who wait for it, two for themselves
}

TEST(Coalescing, OtherVariantsAreNotGivenAway) {
  CacheFixture cache;
  const auto german = cache.get("/x", {{"Accept-Language", "de"}});
  const auto english = cache.get("/x", {{"Accept-Language", "en"}});
  const auto german_too = cache.get("/x", {{"Accept-Language", "de"}});
  EXPECT_EQ(cache.fetched(), 1u);
  cache.origin->requests[0].answer(
      {.headers = {{"Cache-Control", "max-age=100"}, {"Vary", "Accept-Language"}},
       .body = "deutsch"});
  cache.dispatcher.runUntilIdle();
  EXPECT_EQ(german->body, "deutsch");
  EXPECT_EQ(german_too->body, "deutsch");
  EXPECT_EQ(english->status, 0);
  ASSERT_EQ(cache.fetched(), 2u);
  cache.origin->requests[1].answer(
      {.headers = {{"Cache-Control", "max-age=100"}, {"Vary", "Accept-Language"}},
       .body = "english"});
  cache.dispatcher.runUntilIdle();
  EXPECT_EQ(english->body, "english");
  EXPECT_EQ(cache.get("/x", {{"Accept-Language", "de"}})->body, "deutsch");
  EXPECT_EQ(cache.get("/x", {{"Accept-Language", "en"}})->body, "english");
  EXPECT_EQ(cache.fetched(), 2u);
}

TEST(Coalescing, AFailureIsEverybodys) {
  CacheFixture cache;
  const auto first = cache.get("/x");
  const auto second = cache.get("/x");
  cache.origin->last().fail(http::ErrorReason::kConnectFailure);
  cache.dispatcher.runUntilIdle();
  EXPECT_EQ(first->status, 503);
  EXPECT_EQ(second->status, 503);
  EXPECT_EQ(cache.fetched(), 1u);
}

// What the failed fetch went through, as the router would tell it.
void goThrough(Origin::Request& request, const network::Address& endpoint) {
  http::FilterChainContext& context = request.chain->context();
  context.info.cluster = context.arena.copy("shop");
  context.info.upstream_address = context.arena.create<network::Address>(endpoint);
  context.info.attempts = 3;
  context.info.addFlag(http::ResponseFlag::kUpstreamRetryLimitExceeded);
}

TEST(Coalescing, AFailureIsLoggedAsOfTheFetch) {
  const auto endpoint = *network::Address::parse("192.0.2.1:80");
  CacheFixture cache;
  const auto own = cache.get("/x");
  const auto joined = cache.get("/x");
  goThrough(cache.origin->last(), endpoint);
  cache.origin->last().fail(http::ErrorReason::kConnectFailure);
  cache.dispatcher.runUntilIdle();
  const auto other = cache.get("/y");  // which uses the memory again
  EXPECT_EQ(own->status, 503);
  EXPECT_EQ(own->info.cluster, "shop");
  ASSERT_NE(own->info.upstream_address, nullptr);
  EXPECT_EQ(*own->info.upstream_address, endpoint);
  EXPECT_EQ(own->info.attempts, 3u);
  EXPECT_EQ(own->info.detail, "test");
  EXPECT_TRUE(own->info.hasFlag(http::ResponseFlag::kUpstreamRetryLimitExceeded));
  EXPECT_TRUE(own->info.hasFlag(http::ResponseFlag::kUpstreamConnectionFailure));
  EXPECT_EQ(joined->info.attempts, 0u);  // it has asked nobody
}

TEST(Coalescing, AFetchThatIsSilentIsLoggedToo) {
  const auto endpoint = *network::Address::parse("192.0.2.1:80");
  CacheFixture cache;
  const auto own = cache.get("/x");
  goThrough(cache.origin->last(), endpoint);
  cache.advance(61);
  EXPECT_EQ(own->status, 504);
  EXPECT_EQ(own->info.cluster, "shop");
  ASSERT_NE(own->info.upstream_address, nullptr);
  EXPECT_EQ(*own->info.upstream_address, endpoint);
  EXPECT_EQ(own->info.detail, "cache_fetch_idle_timeout");
  EXPECT_TRUE(cache.origin->last().over);
}

TEST(Coalescing, ABodyThatBreaksOffIsNotStored) {
  CacheFixture cache;
  const auto first = cache.get("/x");
  const auto second = cache.get("/x");
  cache.origin->last().head({.headers = {{"Cache-Control", "max-age=100"}}, .body = "onetwo"},
                            false);
  cache.origin->last().body("one", false);
  cache.dispatcher.runUntilIdle();
  cache.origin->last().chain->reset(
      {http::ErrorOrigin::kUpstream, http::ErrorReason::kConnectionClosed});
  cache.dispatcher.runUntilIdle();
  EXPECT_TRUE(first->reset);
  EXPECT_TRUE(second->reset);
  cache.get("/x");
  EXPECT_EQ(cache.fetched(), 2u);
}

TEST(Coalescing, ASlowClientDoesNotHoldUpTheOthers) {
  CacheFixture cache;
  const auto slow = cache.get("/x");
  slow->setBlocked(true);
  const auto quick = cache.get("/x");
  const std::string body(3'000'000, 'x');
  cache.origin->last().answer({.headers = {{"Cache-Control", "max-age=100"}}, .body = body});
  cache.dispatcher.runUntilIdle();
  EXPECT_EQ(quick->body.size(), body.size());
  EXPECT_LT(slow->body.size(), body.size());
  slow->setBlocked(false);
  EXPECT_TRUE(slow->body == body);
  EXPECT_TRUE(slow->ended);
}

TEST(Coalescing, WhatGetsTooLargeOnItsWayIsTheFirstOnesAlone) {
  CacheRules rules;
  rules.max_object_bytes = 100'000;
  CacheFixture cache(rules);
  const auto first = cache.get("/x");
  const auto second = cache.get("/x");
  Origin::Request& fetch = cache.origin->last();
  fetch.head({.headers = {{"Cache-Control", "max-age=100"}}, .body = "", .chunked = true}, false);
  std::string body;
  for (int i = 0; i < 20; ++i) {
    const std::string piece(10'000, static_cast<char>('a' + i));
    body += piece;
    fetch.body(piece, i == 19);
  }
  cache.dispatcher.runUntilIdle();
  EXPECT_TRUE(first->body == body);
  EXPECT_TRUE(first->ended);
  EXPECT_EQ(cache.fetched(), 2u);  // the second for itself
  EXPECT_EQ(second->status, 0);
}

TEST(Coalescing, ASlowClientSlowsWhatIsItsOwn) {
  CacheFixture cache;
  const auto client = cache.get("/x");
  client->setBlocked(true);
  Origin::Request& fetch = cache.origin->last();
  fetch.head({.headers = {{"Cache-Control", "private"}}, .body = "", .chunked = true}, false);
  for (int i = 0; i < 10; ++i) fetch.body(std::string(100'000, 'x'), false);
  EXPECT_EQ(fetch.blocked, 1);
  client->setBlocked(false);
  EXPECT_EQ(fetch.blocked, 0);
  fetch.body("end", true);
  cache.dispatcher.runUntilIdle();
  EXPECT_EQ(client->body.size(), 1'000'003u);
  EXPECT_TRUE(client->ended);
}

TEST(Coalescing, WorkersShareAFetch) {
  CacheFixture cache;
  TestWorker other(cache.factory, cache.origin, cache.stats, cache.dispatcher);
  const auto first = cache.get("/x");
  Exchange second(other, {.path = "/x"});
  cache.dispatcher.runUntilIdle();
  EXPECT_EQ(cache.fetched(), 1u);
  cache.origin->last().answer(kFresh);
  cache.dispatcher.runUntilIdle();
  EXPECT_EQ(first->body, "shared");
  EXPECT_EQ(second.body, "shared");
  second.end();
  other.exchanges->endAll();
  cache.dispatcher.runUntilIdle();
}

}  // namespace
}  // namespace weir::extensions::http_filters::cache
