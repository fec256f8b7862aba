// What HTTP's cache tests (github.com/http-tests/cache-tests) look for, by meaning and in our own
// words: each case is named after the theme it belongs to. One client fills the cache, time passes,
// another asks.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/extensions/http_filters/cache/cache_fixture.h"

namespace weir::extensions::http_filters::cache {
namespace {

// What becomes of the second request: answered from the store, validated first, or fetched anew.
enum class Want { kStored, kValidated, kFetched };

struct Case {
  std::string name;
  Fields response;
  Want want;
  int after = 1;  // seconds
  int status = 200;
  Fields first = {};   // the first request's fields
  Fields second = {};  // the second's
};

// "DATE+10" and "DATE-10" stand for dates.
Fields dated(const CacheFixture& cache, const Fields& fields) {
  Fields to;
  for (const auto& [name, value] : fields) {
    if (!value.starts_with("DATE")) {
      to.emplace_back(name, value);
      continue;
    }
    to.emplace_back(name, cache.date(value.size() > 4 ? std::stoi(value.substr(4)) : 0));
  }
  return to;
}

class Conformance : public ::testing::TestWithParam<Case> {};

TEST_P(Conformance, Holds) {
  const Case& c = GetParam();
  CacheFixture cache;
  const Fields fields = dated(cache, c.response);
  cache.origin->script = [&](const Origin::Request& request) -> OriginAnswer {
    const bool conditional = request.headers.count("if-none-match") > 0 ||
                             request.headers.count("if-modified-since") > 0;
    if (conditional) return {.status = 304, .headers = fields, .body = ""};
    return {.status = c.status,
            .headers = fields,
            .body = "answer " + std::to_string(cache.origin->requests.size())};
  };
  const auto first = cache.get("/x", c.first);
  ASSERT_EQ(first->status, c.status);
  EXPECT_EQ(first->body, "answer 1");
  cache.advance(c.after);
  const auto second = cache.get("/x", c.second);
  ASSERT_TRUE(second->ended);
  EXPECT_EQ(second->status, c.status);
  switch (c.want) {
    case Want::kStored:
      EXPECT_EQ(cache.fetched(), 1u);
      EXPECT_EQ(second->body, "answer 1");
      EXPECT_NE(second->header("age"), "");
      break;
    case Want::kValidated:
      EXPECT_EQ(cache.fetched(), 2u);
      EXPECT_EQ(second->body, "answer 1");
      break;
    case Want::kFetched:
      EXPECT_EQ(cache.fetched(), 2u);
      EXPECT_EQ(second->body, "answer 2");
      break;
  }
}

const Case kCases[] = {
    // Freshness: max-age, s-maxage, Expires.
    {"max_age_fresh", {{"Cache-Control", "max-age=3600"}}, Want::kStored},
    {"max_age_over", {{"Cache-Control", "max-age=10"}}, Want::kFetched, 11},
    {"max_age_zero", {{"Cache-Control", "max-age=0"}}, Want::kFetched},
    {"max_age_negative", {{"Cache-Control", "max-age=-7"}}, Want::kFetched},
    {"max_age_huge", {{"Cache-Control", "max-age=99999999999"}}, Want::kStored},
    {"max_age_decimal", {{"Cache-Control", "max-age=10.5"}}, Want::kFetched},
    {"max_age_letters", {{"Cache-Control", "max-age=abc"}}, Want::kFetched},
    {"max_age_quoted", {{"Cache-Control", "max-age=\"3600\""}}, Want::kStored},
    {"max_age_upper_case", {{"Cache-Control", "MaX-aGe=3600"}}, Want::kStored},
    {"max_age_in_a_list", {{"Cache-Control", "foo, max-age=3600, bar=\"x,y\""}}, Want::kStored},
    {"max_age_in_a_quoted_string", {{"Cache-Control", "ext=\"max-age=3600\""}}, Want::kFetched},
    {"max_age_of_another_name", {{"Cache-Control", "xmax-age=3600"}}, Want::kFetched},
    {"max_age_in_two_fields",
     {{"Cache-Control", "max-age=1"}, {"Cache-Control", "max-age=3600"}},
     Want::kFetched,
     2},
    {"max_age_beats_expires",
     {{"Cache-Control", "max-age=3600"}, {"Expires", "DATE-10"}, {"Date", "DATE"}},
     Want::kStored},
    {"max_age_less_age", {{"Cache-Control", "max-age=3600"}, {"Age", "3598"}}, Want::kFetched, 3},
    {"max_age_with_age_left", {{"Cache-Control", "max-age=3600"}, {"Age", "100"}}, Want::kStored},
    {"age_no_number", {{"Cache-Control", "max-age=3600"}, {"Age", "abc"}}, Want::kStored},
    {"date_long_ago", {{"Cache-Control", "max-age=100"}, {"Date", "DATE-1000"}}, Want::kFetched},
    {"s_maxage_beats_max_age", {{"Cache-Control", "s-maxage=3600, max-age=1"}}, Want::kStored, 5},
    {"s_maxage_short", {{"Cache-Control", "s-maxage=1, max-age=3600"}}, Want::kFetched, 2},
    {"s_maxage_beats_expires",
     {{"Cache-Control", "s-maxage=3600"}, {"Expires", "DATE-10"}},
     Want::kStored},
    {"expires_ahead", {{"Expires", "DATE+3600"}, {"Date", "DATE"}}, Want::kStored},
    {"expires_behind", {{"Expires", "DATE-10"}, {"Date", "DATE"}}, Want::kFetched},
    {"expires_now", {{"Expires", "DATE"}, {"Date", "DATE"}}, Want::kFetched},
    {"expires_zero", {{"Expires", "0"}}, Want::kFetched},
    {"expires_malformed", {{"Expires", "tomorrow"}}, Want::kFetched},
    {"expires_without_date", {{"Expires", "DATE+3600"}}, Want::kStored},
    {"expires_and_age",
     {{"Expires", "DATE+100"}, {"Date", "DATE"}, {"Age", "99"}},
     Want::kFetched,
     2},
    // Heuristics.
    {"heuristic_by_last_modified", {{"Last-Modified", "DATE-100000"}}, Want::kStored},
    {"heuristic_over", {{"Last-Modified", "DATE-100"}}, Want::kValidated, 11},
    {"heuristic_404", {{"Last-Modified", "DATE-100000"}}, Want::kStored, 1, 404},
    {"heuristic_410", {{"Last-Modified", "DATE-100000"}}, Want::kStored, 1, 410},
    {"heuristic_not_201", {{"Last-Modified", "DATE-100000"}}, Want::kFetched, 1, 201},
    {"heuristic_not_302", {{"Last-Modified", "DATE-100000"}}, Want::kFetched, 1, 302},
    {"heuristic_201_public",
     {{"Last-Modified", "DATE-100000"}, {"Cache-Control", "public"}},
     Want::kStored,
     1,
     201},
    {"no_freshness_at_all", {}, Want::kFetched},
    // Status codes with freshness.
    {"status_299", {{"Cache-Control", "max-age=3600"}}, Want::kStored, 1, 299},
    {"status_302", {{"Cache-Control", "max-age=3600"}}, Want::kStored, 1, 302},
    {"status_404", {{"Cache-Control", "max-age=3600"}}, Want::kStored, 1, 404},
    {"status_503", {{"Cache-Control", "max-age=3600"}}, Want::kStored, 1, 503},
    {"status_599", {{"Cache-Control", "max-age=3600"}}, Want::kStored, 1, 599},
    {"status_599_must_understand",
     {{"Cache-Control", "max-age=3600, must-understand, no-store"}},
     Want::kFetched,
     1,
     599},
    {"status_200_must_understand",
     {{"Cache-Control", "max-age=3600, must-understand, no-store"}},
     Want::kStored},
    // Response directives.
    {"no_store", {{"Cache-Control", "no-store, max-age=3600"}}, Want::kFetched},
    {"no_store_upper_case", {{"Cache-Control", "No-StOrE, max-age=3600"}}, Want::kFetched},
    {"private", {{"Cache-Control", "private, max-age=3600"}}, Want::kFetched},
    {"private_named", {{"Cache-Control", "private=\"set-cookie\", max-age=3600"}}, Want::kFetched},
    {"no_cache", {{"Cache-Control", "no-cache, max-age=3600"}}, Want::kFetched},
    {"no_cache_validates",
     {{"Cache-Control", "no-cache, max-age=3600"}, {"ETag", "\"a\""}},
     Want::kValidated},
    {"no_cache_named",
     {{"Cache-Control", "no-cache=\"a\", max-age=3600"}, {"ETag", "\"a\""}},
     Want::kValidated},
    {"must_revalidate_fresh", {{"Cache-Control", "must-revalidate, max-age=3600"}}, Want::kStored},
    {"must_revalidate_stale",
     {{"Cache-Control", "must-revalidate, max-age=1"}, {"ETag", "\"a\""}},
     Want::kValidated,
     2},
    {"pragma_in_a_response",
     {{"Cache-Control", "max-age=3600"}, {"Pragma", "no-cache"}},
     Want::kStored},
    {"extension_directive", {{"Cache-Control", "foobar, max-age=3600"}}, Want::kStored},
    {"cookies", {{"Cache-Control", "max-age=3600"}, {"Set-Cookie", "a=b"}}, Want::kFetched},
    {"cookies_public",
     {{"Cache-Control", "public, max-age=3600"}, {"Set-Cookie", "a=b"}},
     Want::kStored},
    // Authorization.
    {"authorization",
     {{"Cache-Control", "max-age=3600"}},
     Want::kFetched,
     1,
     200,
     {{"Authorization", "x"}}},
    {"authorization_public",
     {{"Cache-Control", "max-age=3600, public"}},
     Want::kStored,
     1,
     200,
     {{"Authorization", "x"}}},
    {"authorization_s_maxage",
     {{"Cache-Control", "s-maxage=3600"}},
     Want::kStored,
     1,
     200,
     {{"Authorization", "x"}}},
    {"authorization_must_revalidate",
     {{"Cache-Control", "max-age=3600, must-revalidate"}},
     Want::kStored,
     1,
     200,
     {{"Authorization", "x"}}},
    // Request directives.
    {"request_no_store",
     {{"Cache-Control", "max-age=3600"}},
     Want::kFetched,
     1,
     200,
     {{"Cache-Control", "no-store"}}},
    {"request_no_cache",
     {{"Cache-Control", "max-age=3600"}},
     Want::kFetched,
     1,
     200,
     {},
     {{"Cache-Control", "no-cache"}}},
    {"request_no_cache_validates",
     {{"Cache-Control", "max-age=3600"}, {"ETag", "\"a\""}},
     Want::kValidated,
     1,
     200,
     {},
     {{"Cache-Control", "no-cache"}}},
    {"request_pragma",
     {{"Cache-Control", "max-age=3600"}},
     Want::kFetched,
     1,
     200,
     {},
     {{"Pragma", "no-cache"}}},
    {"request_pragma_beside_cc",
     {{"Cache-Control", "max-age=3600"}},
     Want::kStored,
     1,
     200,
     {},
     {{"Pragma", "no-cache"}, {"Cache-Control", "max-age=100"}}},
    {"request_max_age_zero",
     {{"Cache-Control", "max-age=3600"}},
     Want::kFetched,
     1,
     200,
     {},
     {{"Cache-Control", "max-age=0"}}},
    {"request_max_age_younger",
     {{"Cache-Control", "max-age=3600"}},
     Want::kStored,
     5,
     200,
     {},
     {{"Cache-Control", "max-age=10"}}},
    {"request_max_age_older",
     {{"Cache-Control", "max-age=3600"}},
     Want::kFetched,
     11,
     200,
     {},
     {{"Cache-Control", "max-age=10"}}},
    {"request_min_fresh",
     {{"Cache-Control", "max-age=100"}},
     Want::kStored,
     10,
     200,
     {},
     {{"Cache-Control", "min-fresh=50"}}},
    {"request_min_fresh_too_long",
     {{"Cache-Control", "max-age=100"}},
     Want::kFetched,
     60,
     200,
     {},
     {{"Cache-Control", "min-fresh=50"}}},
    {"request_max_stale",
     {{"Cache-Control", "max-age=10"}, {"ETag", "\"a\""}},
     Want::kStored,
     15,
     200,
     {},
     {{"Cache-Control", "max-stale=10"}}},
    {"request_max_stale_any",
     {{"Cache-Control", "max-age=10"}, {"ETag", "\"a\""}},
     Want::kStored,
     1000,
     200,
     {},
     {{"Cache-Control", "max-stale"}}},
    {"request_max_stale_exceeded",
     {{"Cache-Control", "max-age=10"}, {"ETag", "\"a\""}},
     Want::kValidated,
     25,
     200,
     {},
     {{"Cache-Control", "max-stale=10"}}},
    {"request_max_stale_must_revalidate",
     {{"Cache-Control", "max-age=10, must-revalidate"}, {"ETag", "\"a\""}},
     Want::kValidated,
     12,
     200,
     {},
     {{"Cache-Control", "max-stale=1000"}}},
    // Vary.
    {"vary_same",
     {{"Cache-Control", "max-age=3600"}, {"Vary", "Foo"}},
     Want::kStored,
     1,
     200,
     {{"Foo", "1"}},
     {{"Foo", "1"}}},
    {"vary_other",
     {{"Cache-Control", "max-age=3600"}, {"Vary", "Foo"}},
     Want::kFetched,
     1,
     200,
     {{"Foo", "1"}},
     {{"Foo", "2"}}},
    {"vary_absent_now",
     {{"Cache-Control", "max-age=3600"}, {"Vary", "Foo"}},
     Want::kFetched,
     1,
     200,
     {{"Foo", "1"}}},
    {"vary_absent_both", {{"Cache-Control", "max-age=3600"}, {"Vary", "Foo"}}, Want::kStored},
    {"vary_two_one_differs",
     {{"Cache-Control", "max-age=3600"}, {"Vary", "Foo, Bar"}},
     Want::kFetched,
     1,
     200,
     {{"Foo", "1"}, {"Bar", "1"}},
     {{"Foo", "1"}, {"Bar", "2"}}},
    {"vary_two_fields",
     {{"Cache-Control", "max-age=3600"}, {"Vary", "Foo"}, {"Vary", "Bar"}},
     Want::kFetched,
     1,
     200,
     {{"Foo", "1"}, {"Bar", "1"}},
     {{"Foo", "1"}, {"Bar", "2"}}},
    {"vary_star", {{"Cache-Control", "max-age=3600"}, {"Vary", "*"}}, Want::kFetched},
    {"vary_star_in_a_list",
     {{"Cache-Control", "max-age=3600"}, {"Vary", "Foo, *"}},
     Want::kFetched},
    {"vary_name_in_another_case",
     {{"Cache-Control", "max-age=3600"}, {"Vary", "FOO"}},
     Want::kStored,
     1,
     200,
     {{"foo", "1"}},
     {{"Foo", "1"}}},
    {"vary_joined_fields",
     {{"Cache-Control", "max-age=3600"}, {"Vary", "Foo"}},
     Want::kStored,
     1,
     200,
     {{"Foo", "1"}, {"Foo", "2"}},
     {{"Foo", "1,  2"}}},
    {"vary_encoding_order",
     {{"Cache-Control", "max-age=3600"}, {"Vary", "Accept-Encoding"}},
     Want::kStored,
     1,
     200,
     {{"Accept-Encoding", "gzip, br"}},
     {{"Accept-Encoding", "BR , gzip"}}},
    {"vary_language_order",
     {{"Cache-Control", "max-age=3600"}, {"Vary", "Accept-Language"}},
     Want::kStored,
     1,
     200,
     {{"Accept-Language", "en, de;q=0.5"}},
     {{"Accept-Language", "de; q=0.5,en"}}},
    // Validation.
    {"validates_by_etag", {{"Cache-Control", "max-age=1"}, {"ETag", "\"a\""}}, Want::kValidated, 2},
    {"validates_by_weak_etag",
     {{"Cache-Control", "max-age=1"}, {"ETag", "W/\"a\""}},
     Want::kValidated,
     2},
    {"validates_by_date",
     {{"Cache-Control", "max-age=1"}, {"Last-Modified", "DATE-5"}},
     Want::kValidated,
     2},
    {"nothing_to_validate_by", {{"Cache-Control", "max-age=1"}}, Want::kFetched, 2},
};

INSTANTIATE_TEST_SUITE_P(CacheTests, Conformance, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace weir::extensions::http_filters::cache
