// The pure parts: fields, freshness, keys.
#include <gtest/gtest.h>

#include <string>

#include "extensions/http_filters/cache/cache_control.h"
#include "extensions/http_filters/cache/cache_key.h"
#include "extensions/http_filters/cache/freshness.h"
#include "extensions/http_filters/cache/vary.h"
#include "extensions/http_filters/common/byte_ranges.h"
#include "source/base/random.h"

namespace weir::extensions::http_filters::cache {
namespace {

CacheControl control(std::string_view text) {
  base::Arena arena;
  http::HeaderMap fields(arena);
  fields.add("cache-control", text);
  return readCacheControl(fields);
}

TEST(CacheControlTest, ReadsDirectives) {
  const CacheControl c = control(
      "Public, max-age=\"60\" , s-maxage=5,,no-transform, min-fresh=3, max-stale, "
      "stale-while-revalidate=7, stale-if-error=8, immutable, x=\"a, no-store, \\\" b\"");
  EXPECT_TRUE(c.is_public && c.no_transform && c.immutable);
  EXPECT_FALSE(c.no_store || c.is_private || c.no_cache);
  EXPECT_EQ(c.max_age, Seconds(60));
  EXPECT_EQ(c.s_maxage, Seconds(5));
  EXPECT_EQ(c.min_fresh, Seconds(3));
  EXPECT_EQ(c.max_stale, CacheControl::kMost);
  EXPECT_EQ(c.stale_while_revalidate, Seconds(7));
  EXPECT_EQ(c.stale_if_error, Seconds(8));
}

TEST(CacheControlTest, OfSeveralTheLeast) {
  EXPECT_EQ(control("max-age=60, max-age=5").max_age, Seconds(5));
  EXPECT_EQ(control("max-age=60, max-age=x").max_age, Seconds(0));
  EXPECT_EQ(control("max-stale, max-stale=5").max_stale, Seconds(5));
  EXPECT_EQ(control("max-age=99999999999999999999").max_age, CacheControl::kMost);
}

TEST(CacheControlTest, WhateverComesIsRead) {
  base::Random random(3);
  const std::string alphabet = "max-age=0123no-store,\"\\ \t;private s-maxage\xff";
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (uint64_t n = random.uniform(40); n > 0; --n) {
      text.push_back(alphabet[random.uniform(alphabet.size())]);
    }
    const CacheControl c = control(text);
    if (c.max_age) {
      EXPECT_GE(*c.max_age, Seconds(0));
      EXPECT_LE(*c.max_age, CacheControl::kMost);
    }
    std::string_view list = text;
    std::string_view element;
    size_t total = 0;
    while (nextListElement(list, element)) total += element.size() + 1;
    EXPECT_LE(total, text.size() + 1);
  }
}

TEST(FreshnessTest, AgeIsCorrected) {
  base::Arena arena;
  http::HeaderMap fields(arena);
  const SystemTime now = SystemTime(std::chrono::hours(24 * 365 * 50));
  fields.add("age", "30");
  const Freshness f = readFreshness(fields, control("max-age=100"), 200, now - Seconds(5), now, {});
  EXPECT_EQ(f.initial_age, Seconds(35));  // the way took up to five
  EXPECT_EQ(f.age(now + Seconds(10)), Seconds(45));
  EXPECT_EQ(f.age(now - Seconds(1000)), Seconds(35));  // a clock that went back
  EXPECT_TRUE(f.fresh(now + Seconds(64)));
  EXPECT_FALSE(f.fresh(now + Seconds(65)));
}

TEST(FreshnessTest, HeuristicsAreATenthAndBounded) {
  base::Arena arena;
  http::HeaderMap fields(arena);
  const SystemTime now = SystemTime(std::chrono::seconds(1'800'000'000));
  fields.add("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(readFreshness(fields, {}, 200, now, now, {}).lifetime, Seconds(24 * 3600));
  FreshnessRules none;
  none.heuristic_percent = 0;
  EXPECT_EQ(readFreshness(fields, {}, 200, now, now, none).lifetime, Seconds(0));
  FreshnessRules bounded;
  bounded.max_ttl = Seconds(60);
  EXPECT_EQ(readFreshness(fields, {}, 200, now, now, bounded).lifetime, Seconds(60));
}

std::string key(std::string_view url, const KeyRules& rules = {}) {
  UrlParts parts;
  std::string to;
  if (splitUrl(url, parts)) appendUrlKey(parts.scheme, parts.authority, parts.path, rules, to);
  return to;
}

TEST(CacheKeyTest, IsTheUrlNormalised) {
  EXPECT_EQ(key("HTTP://Shop.Example:80/A?b#c"), "http://shop.example/A?b");
  EXPECT_EQ(key("https://h:443"), "https://h/");
  EXPECT_EQ(key("https://h:80/"), "https://h:80/");
  EXPECT_EQ(key("ftp://h/"), "");
  EXPECT_EQ(key("http://h/p?b=1&a=2&c", {.sort_parameters = true}), "http://h/p?a=2&b=1&c");
  EXPECT_EQ(key("http://h/p?x=1", {.ignore_query = true}), "http://h/p");
  EXPECT_EQ(key("http://h/p?x=1&y=2", {.only_parameters = {"y"}}), "http://h/p?y=2");
  EXPECT_EQ(key("http://h/p", {.ignore_scheme = true, .ignore_authority = true}), ":///p");
  EXPECT_EQ(hostOfKey("http://h:81/p"), "h");
  EXPECT_EQ(hostOfKey("http://[::1]:81/p"), "[::1]");
}

TEST(ByteRangesTest, AreReadOrIgnored) {
  using common::ByteRanges;
  using common::readByteRanges;
  const auto kind = [](std::string_view field, uint64_t size) {
    return readByteRanges(field, size).kind;
  };
  EXPECT_EQ(kind("bytes=0-0", 1), ByteRanges::Kind::kParts);
  EXPECT_EQ(kind("BYTES=0-", 1), ByteRanges::Kind::kParts);
  EXPECT_EQ(kind("bytes=0-", 0), ByteRanges::Kind::kUnsatisfiable);
  EXPECT_EQ(kind("bytes=-0", 5), ByteRanges::Kind::kUnsatisfiable);
  EXPECT_EQ(kind("bytes=5-", 5), ByteRanges::Kind::kUnsatisfiable);
  EXPECT_EQ(kind("bytes=9-,0-1", 5), ByteRanges::Kind::kParts);
  for (const char* text : {"", "bytes", "bytes=", "bytes=,", "bytes=a-b", "bytes=1", "bytes=2-1",
                           "bytes=--1", "bytes=1-2-3", "items=0-1", "bytes=0-1,x"}) {
    EXPECT_EQ(kind(text, 5), ByteRanges::Kind::kWhole) << text;
  }
  std::string many = "bytes=0-0";
  for (int i = 1; i < 40; ++i) many += "," + std::to_string(2 * i) + "-" + std::to_string(2 * i);
  EXPECT_EQ(kind(many, 1000), ByteRanges::Kind::kWhole);
  EXPECT_EQ(readByteRanges("bytes=1-99999999999999999999", 5).all[0].last, 4u);
}

}  // namespace
}  // namespace weir::extensions::http_filters::cache
