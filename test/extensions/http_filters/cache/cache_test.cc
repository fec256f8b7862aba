#include "extensions/http_filters/cache/cache.h"

#include <gtest/gtest.h>

#include <string>

#include "test/extensions/http_filters/cache/cache_fixture.h"

namespace weir::extensions::http_filters::cache {
namespace {

OriginAnswer fresh(std::string body = "body", Fields more = {}) {
  OriginAnswer answer{.headers = {{"Cache-Control", "max-age=100"}}, .body = std::move(body)};
  answer.headers.insert(answer.headers.end(), more.begin(), more.end());
  return answer;
}

class CacheTest : public ::testing::Test, protected CacheFixture {};

TEST_F(CacheTest, AHitHasAgeAndStatus) {
  answer(fresh());
  const auto miss = get("/x");
  EXPECT_EQ(miss->header("cache-status"), "weir; fwd=uri-miss; stored");
  EXPECT_EQ(miss->headers.count("age"), 0u);  // it has come for this request
  advance(7);
  const auto hit = get("/x");
  EXPECT_EQ(hit->body, "body");
  EXPECT_EQ(hit->content_length, 4u);
  EXPECT_EQ(hit->header("age"), "7");
  EXPECT_EQ(hit->header("cache-status"), "weir; hit; ttl=93");
  EXPECT_TRUE(hit->info.hasFlag(http::ResponseFlag::kResponseFromCache));
  EXPECT_EQ(count("hit"), 1);
  EXPECT_EQ(count("miss"), 1);
}

// RFC 9111 5.1
TEST_F(CacheTest, WhatTheOriginHasMadeOrValidatedNowHasTheOriginsAgeOnly) {
  answer({.headers = {{"Cache-Control", "max-age=10"}, {"ETag", "\"a\""}}});
  EXPECT_EQ(get("/x")->headers.count("age"), 0u);
  advance(11);
  answer({.status = 304, .headers = {{"ETag", "\"a\""}}, .body = ""});
  const auto validated = get("/x");
  EXPECT_EQ(validated->header("cache-status"), "weir; fwd=stale; fwd-status=304");
  EXPECT_EQ(validated->headers.count("age"), 0u);
  answer(fresh("body", {{"Age", "30"}}));
  EXPECT_EQ(get("/y")->header("age"), "30");
  advance(5);
  EXPECT_EQ(get("/y")->header("age"), "35");
  answer(fresh("body", {{"Age", "soon"}}));
  EXPECT_EQ(get("/z")->headers.count("age"), 0u);
}

TEST_F(CacheTest, HeadIsAnsweredFromGet) {
  answer(fresh());
  get("/x");
  const auto head = ask({.method = "HEAD", .path = "/x"});
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->content_length, 4u);
  EXPECT_EQ(head->body, "");
  EXPECT_TRUE(head->ended);
  EXPECT_EQ(fetched(), 1u);
  ask({.method = "HEAD", .path = "/y"});  // is not stored
  EXPECT_EQ(origin->last().line, "HEAD /y");
  EXPECT_EQ(get("/y")->body, "body");
  EXPECT_EQ(fetched(), 3u);
}

TEST_F(CacheTest, ConditionsOfClientsAreAnsweredFromTheStore) {
  const std::string modified = date(-1000);
  answer(fresh("body", {{"ETag", "\"a\""}, {"Last-Modified", modified}, {"Content-Type", "t/x"}}));
  get("/x");
  const auto same = get("/x", {{"If-None-Match", "\"b\", W/\"a\""}});
  EXPECT_EQ(same->status, 304);
  EXPECT_EQ(same->header("etag"), "\"a\"");
  EXPECT_EQ(same->header("content-type"), "");
  EXPECT_EQ(same->body, "");
  EXPECT_EQ(get("/x", {{"If-None-Match", "*"}})->status, 304);
  EXPECT_EQ(get("/x", {{"If-None-Match", "\"b\""}})->status, 200);
  EXPECT_EQ(get("/x", {{"If-Modified-Since", modified}})->status, 304);
  EXPECT_EQ(get("/x", {{"If-Modified-Since", date(-2000)}})->status, 200);
  EXPECT_EQ(get("/x", {{"If-Modified-Since", modified}, {"If-None-Match", "\"b\""}})->status, 200);
  EXPECT_EQ(fetched(), 1u);
  get("/x", {{"If-Match", "\"a\""}});  // about what the origin has
  EXPECT_EQ(fetched(), 2u);
  EXPECT_EQ(origin->last().headers["If-Match"], "\"a\"");
}

TEST_F(CacheTest, AConditionDoesNotReachTheOriginOfAFetch) {
  answer(fresh("body", {{"ETag", "\"a\""}}));
  const auto client = get("/x", {{"If-None-Match", "\"a\""}, {"Range", "bytes=0-0"}});
  EXPECT_EQ(origin->last().headers.count("If-None-Match"), 0u);
  EXPECT_EQ(origin->last().headers.count("Range"), 0u);
  EXPECT_EQ(client->status, 304);
}

TEST_F(CacheTest, RangesAreTakenOutOfWhatIsStored) {
  answer(fresh("0123456789", {{"ETag", "\"a\""}}));
  get("/x");
  const auto one = get("/x", {{"Range", "bytes=2-4"}});
  EXPECT_EQ(one->status, 206);
  EXPECT_EQ(one->body, "234");
  EXPECT_EQ(one->header("content-range"), "bytes 2-4/10");
  EXPECT_EQ(get("/x", {{"Range", "bytes=7-"}})->body, "789");
  EXPECT_EQ(get("/x", {{"Range", "bytes=-3"}})->body, "789");
  EXPECT_EQ(get("/x", {{"Range", "bytes=5-100"}})->body, "56789");
  const auto beyond = get("/x", {{"Range", "bytes=10-"}});
  EXPECT_EQ(beyond->status, 416);
  EXPECT_EQ(beyond->header("content-range"), "bytes */10");
  EXPECT_EQ(get("/x", {{"Range", "bytes=4-2"}})->status, 200);
  EXPECT_EQ(get("/x", {{"Range", "lines=1-2"}})->status, 200);
  EXPECT_EQ(get("/x", {{"Range", "bytes=0-9,0-9"}})->status, 200);  // more than there is
  EXPECT_EQ(get("/x", {{"Range", "bytes=2-4"}, {"If-Range", "\"a\""}})->status, 206);
  EXPECT_EQ(get("/x", {{"Range", "bytes=2-4"}, {"If-Range", "\"b\""}})->status, 200);
  EXPECT_EQ(get("/x", {{"Range", "bytes=2-4"}, {"If-Range", "W/\"a\""}})->status, 200);
  EXPECT_EQ(fetched(), 1u);
}

TEST_F(CacheTest, SeveralRangesComeAsParts) {
  answer(fresh("0123456789", {{"Content-Type", "text/x"}}));
  get("/x");
  const auto parts = get("/x", {{"Range", "bytes=7-8, 1-2"}});
  EXPECT_EQ(parts->status, 206);
  const std::string type = parts->header("content-type");
  ASSERT_TRUE(type.starts_with("multipart/byteranges; boundary=")) << type;
  const std::string boundary = type.substr(type.find('=') + 1);
  EXPECT_EQ(parts->body, "--" + boundary +
                             "\r\ncontent-type: text/x\r\ncontent-range: bytes 1-2/10\r\n\r\n12"
                             "\r\n--" +
                             boundary +
                             "\r\ncontent-type: text/x\r\ncontent-range: bytes 7-8/10\r\n\r\n78"
                             "\r\n--" +
                             boundary + "--\r\n");
  EXPECT_EQ(parts->content_length, parts->body.size());
  EXPECT_TRUE(parts->ended);
}

TEST_F(CacheTest, A206IsNotStored) {
  answer({.status = 206,
          .headers = {{"Cache-Control", "max-age=100"}, {"Content-Range", "bytes 0-3/10"}}});
  get("/x");
  get("/x");
  EXPECT_EQ(fetched(), 2u);
}

TEST_F(CacheTest, UnsafeRequestsInvalidate) {
  answer(fresh());
  get("/x");
  get("/y");
  get("/z");
  answer({.status = 204, .headers = {{"Location", "/y"}}, .body = ""});
  ask({.method = "POST", .path = "/x", .body = true});
  answer(fresh("new"));
  EXPECT_EQ(get("/x")->body, "new");
  EXPECT_EQ(get("/y")->body, "new");
  EXPECT_EQ(get("/z")->body, "body");
}

TEST_F(CacheTest, UnsafeRequestsThatFailOrNameOthersDoNot) {
  answer(fresh());
  get("/x");
  ask({.path = "/other", .authority = "other.example"});
  answer({.status = 500});
  ask({.method = "POST", .path = "/x", .body = true});
  answer({.status = 201, .headers = {{"Content-Location", "http://other.example/other"}}});
  ask({.method = "POST", .path = "/somewhere", .body = true});
  const size_t before = fetched();
  EXPECT_EQ(get("/x")->body, "body");
  EXPECT_EQ(ask({.path = "/other", .authority = "other.example"})->body, "body");
  EXPECT_EQ(fetched(), before);
}

TEST_F(CacheTest, AnInvalidatedFetchIsNotStored) {
  const auto client = get("/x");
  store->invalidate("http://example.com/x");
  origin->last().answer(fresh("old"));
  dispatcher.runUntilIdle();
  EXPECT_EQ(client->body, "old");
  answer(fresh("new"));
  EXPECT_EQ(get("/x")->body, "new");
}

TEST_F(CacheTest, StaleWhileRevalidate) {
  answer(
      {.headers = {{"Cache-Control", "max-age=10, stale-while-revalidate=20"}, {"ETag", "\"a\""}},
       .body = "old"});
  get("/x");
  advance(15);
  origin->script = nullptr;
  const auto stale = get("/x");
  EXPECT_EQ(stale->body, "old");
  EXPECT_NE(stale->header("cache-status").find("stale-while-revalidate"), std::string::npos);
  EXPECT_EQ(get("/x")->body, "old");
  EXPECT_EQ(fetched(), 2u);  // one validation, however many ask
  EXPECT_EQ(origin->last().headers["if-none-match"].empty()
                ? origin->last().headers["If-None-Match"]
                : origin->last().headers["if-none-match"],
            "\"a\"");
  origin->last().answer(fresh("new"));
  dispatcher.runUntilIdle();
  EXPECT_EQ(get("/x")->body, "new");
  EXPECT_EQ(fetched(), 2u);
}

TEST_F(CacheTest, TooStaleWaits) {
  answer({.headers = {{"Cache-Control", "max-age=10, stale-while-revalidate=20"}}, .body = "old"});
  get("/x");
  advance(31);
  answer(fresh("new"));
  EXPECT_EQ(get("/x")->body, "new");
}

TEST_F(CacheTest, StaleIfError) {
  answer({.headers = {{"Cache-Control", "max-age=10, stale-if-error=100"}}, .body = "old"});
  get("/x");
  advance(50);
  answer({.status = 503, .body = "down"});
  const auto stale = get("/x");
  EXPECT_EQ(stale->status, 200);
  EXPECT_EQ(stale->body, "old");
  origin->script = nullptr;
  const auto waiting = get("/x");
  origin->last().fail(http::ErrorReason::kConnectFailure);
  dispatcher.runUntilIdle();
  EXPECT_EQ(waiting->body, "old");
  advance(100);
  answer({.status = 503, .body = "down"});
  EXPECT_EQ(get("/x")->body, "down");
}

TEST_F(CacheTest, MustRevalidateForbidsStaleOnError) {
  answer({.headers = {{"Cache-Control", "max-age=10, stale-if-error=100, must-revalidate"}},
          .body = "old"});
  get("/x");
  advance(50);
  answer({.status = 503, .body = "down"});
  EXPECT_EQ(get("/x")->status, 503);
}

TEST_F(CacheTest, OnlyIfCached) {
  EXPECT_EQ(get("/x", {{"Cache-Control", "only-if-cached"}})->status, 504);
  answer(fresh());
  get("/x");
  EXPECT_EQ(get("/x", {{"Cache-Control", "only-if-cached"}})->status, 200);
}

TEST_F(CacheTest, AValidationUpdatesWhatIsStored) {
  answer({.headers = {{"Cache-Control", "max-age=10"}, {"ETag", "\"a\""}, {"X-A", "1"}},
          .body = "body"});
  get("/x");
  advance(20);
  answer({.status = 304,
          .headers = {{"Cache-Control", "max-age=100"}, {"ETag", "\"a\""}, {"X-A", "2"}},
          .body = ""});
  const auto validated = get("/x");
  EXPECT_EQ(validated->status, 200);
  EXPECT_EQ(validated->body, "body");
  EXPECT_EQ(validated->header("x-a"), "2");
  EXPECT_EQ(validated->header("cache-status"), "weir; fwd=stale; fwd-status=304");
  advance(50);
  EXPECT_EQ(get("/x")->header("x-a"), "2");
  EXPECT_EQ(fetched(), 2u);
}

TEST_F(CacheTest, A304OfAnotherTagIsNotBelieved) {
  answer({.headers = {{"Cache-Control", "max-age=10"}, {"ETag", "\"a\""}}, .body = "old"});
  get("/x");
  advance(20);
  origin->script = [](const Origin::Request& request) -> OriginAnswer {
    if (request.headers.count("If-None-Match") + request.headers.count("if-none-match") > 0) {
      return {.status = 304, .headers = {{"ETag", "\"b\""}}, .body = ""};
    }
    return fresh("new");
  };
  EXPECT_EQ(get("/x")->body, "new");
}

TEST_F(CacheTest, RequestsWithBodiesAndOtherMethodsPassBy) {
  answer(fresh());
  ask({.path = "/x", .body = true});
  ask({.method = "OPTIONS", .path = "/x"});
  EXPECT_EQ(fetched(), 2u);
  get("/x");
  EXPECT_EQ(fetched(), 3u);
}

TEST_F(CacheTest, WhatIsLargerThanTheStoreTakesPassesBy) {
  const std::string body(9'000'000, 'x');
  answer(fresh(body));
  const auto first = get("/x");
  EXPECT_TRUE(first->body == body);
  EXPECT_NE(first->header("cache-status").find("too_large"), std::string::npos);
  EXPECT_TRUE(get("/x")->body == body);
  EXPECT_EQ(fetched(), 2u);
  EXPECT_EQ(store->account()->used(), 0u);
}

TEST_F(CacheTest, WhatBecomesStorableIsStoredAgain) {
  answer({.headers = {{"Cache-Control", "private"}}});
  get("/x");
  answer(fresh());
  get("/x");  // passes by, and shows that it may be stored
  get("/x");
  EXPECT_EQ(get("/x")->header("cache-status").substr(0, 9), "weir; hit");
}

TEST(CacheRulesTest, KeysMayLeaveParametersOut) {
  CacheRules rules;
  rules.key.ignored_parameters = {"fbclid", "utm_*"};
  rules.key.sort_parameters = true;
  CacheFixture cache(rules);
  cache.answer(fresh());
  cache.get("/x?b=2&a=1&utm_source=mail");
  cache.get("/x?a=1&b=2&fbclid=7");
  EXPECT_EQ(cache.fetched(), 1u);
  cache.get("/x?a=1&b=3");
  EXPECT_EQ(cache.fetched(), 2u);
}

TEST(CacheRulesTest, KeysMayHaveHeadersAndCookies) {
  CacheRules rules;
  rules.key.headers = {"x-country"};
  rules.key.cookies = {"plan"};
  CacheFixture cache(rules);
  cache.answer(fresh());
  cache.get("/x", {{"X-Country", "de"}, {"Cookie", "plan=a; other=1"}});
  cache.get("/x", {{"X-Country", "de"}, {"Cookie", "other=2; plan=a"}});
  EXPECT_EQ(cache.fetched(), 1u);
  cache.get("/x", {{"X-Country", "fr"}, {"Cookie", "plan=a"}});
  cache.get("/x", {{"X-Country", "de"}, {"Cookie", "plan=b"}});
  EXPECT_EQ(cache.fetched(), 3u);
  cache.store->invalidate("http://example.com/x");
  EXPECT_EQ(cache.store->totals().entries, 0u);
}

TEST(CacheRulesTest, TimesMayBeOverridden) {
  CacheRules rules;
  rules.freshness.override_ttl = Seconds(50);
  CacheFixture cache(rules);
  cache.answer({.headers = {{"Cache-Control", "max-age=1"}}});
  cache.get("/x");
  cache.advance(40);
  cache.get("/x");
  EXPECT_EQ(cache.fetched(), 1u);
  cache.advance(20);
  cache.get("/x");
  EXPECT_EQ(cache.fetched(), 2u);
}

TEST(CacheRulesTest, CookiesMayBeStripped) {
  CacheRules rules;
  rules.set_cookie = SetCookie::kStrip;
  CacheFixture cache(rules);
  cache.answer(fresh("body", {{"Set-Cookie", "a=b"}}));
  cache.get("/x");
  EXPECT_EQ(cache.get("/x")->header("set-cookie"), "");
  EXPECT_EQ(cache.fetched(), 1u);
}

TEST(CacheRulesTest, ClientsMayBeIgnored) {
  CacheRules rules;
  rules.obeys_requests = false;
  CacheFixture cache(rules);
  cache.answer(fresh());
  cache.get("/x");
  cache.get("/x", {{"Cache-Control", "no-cache"}});
  cache.get("/x", {{"Pragma", "no-cache"}});
  cache.get("/x", {{"Cache-Control", "no-store"}});
  EXPECT_EQ(cache.fetched(), 1u);
}

TEST(CacheRulesTest, VariantsAreBounded) {
  CacheRules rules;
  rules.max_variants = 4;
  CacheFixture cache(rules);
  cache.answer(fresh("body", {{"Vary", "X"}}));
  for (int i = 0; i < 20; ++i) cache.get("/x", {{"X", std::to_string(i)}});
  EXPECT_EQ(cache.store->totals().entries, 4u);
  EXPECT_EQ(cache.store->totals().resources, 1u);
}

TEST(CacheStoreTest, PurgesByTag) {
  CacheFixture cache;
  cache.answer(fresh("body", {{"Surrogate-Key", "a b"}, {"Cache-Tag", "c,d"}}));
  cache.get("/x");
  cache.answer(fresh());
  cache.get("/y");
  const auto tagged = [](std::string_view tag) {
    return [tag](std::string_view, const StoredResponse& response) {
      for (const std::string& known : response.tags()) {
        if (known == tag) return true;
      }
      return false;
    };
  };
  EXPECT_EQ(cache.store->purge(tagged("z")), 0u);
  EXPECT_EQ(cache.store->purge(tagged("d")), 1u);
  EXPECT_EQ(cache.store->totals().entries, 1u);
}

TEST(CacheStoreTest, EverythingIsGivenBack) {
  CacheFixture cache;
  cache.answer(fresh(std::string(100'000, 'x'), {{"Vary", "A"}}));
  for (int i = 0; i < 200; ++i) cache.get("/" + std::to_string(i % 70), {{"A", std::to_string(i)}});
  EXPECT_GT(cache.store->account()->used(), 100'000u);
  cache.store->purge([](std::string_view, const StoredResponse&) { return true; });
  EXPECT_EQ(cache.store->account()->used(), 0u);
  EXPECT_EQ(cache.store->totals().entries, 0u);
}

TEST(CacheStoreTest, WhatIsBeingSentCountsThoughItIsGone) {
  CacheFixture cache;
  cache.answer(fresh(std::string(1'000'000, 'x')));
  cache.get("/x");
  auto slow = std::make_unique<Exchange>(*cache.worker, Ask{.path = "/x"});
  const uint64_t with = cache.store->account()->used();
  cache.store->invalidate("http://example.com/x");
  EXPECT_GT(cache.store->account()->used(), with / 2);
  slow.reset();
  cache.dispatcher.runUntilIdle();
  EXPECT_EQ(cache.store->account()->used(), 0u);
}

}  // namespace
}  // namespace weir::extensions::http_filters::cache
