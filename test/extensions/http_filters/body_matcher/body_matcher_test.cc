#include "extensions/http_filters/body_matcher/body_matcher.h"

#include <memory>
#include <string>
#include <variant>

#include "gtest/gtest.h"

#include "source/base/service_map.h"
#include "source/http/dynamic_metadata.h"
#include "source/stats/stats.h"
#include "test/extensions/http_filters/common/lone_filter.h"
#include "test/support/allocation_counter.h"

namespace weir::extensions::http_filters::body_matcher {
namespace {

class BodyMatcherTest : public testing::Test, protected LoneFilter {
 protected:
  BodyMatcherTest() {
    options_->pointers = {*JsonPointer::parse("/user/tier"), *JsonPointer::parse("/count"),
                          *JsonPointer::parse("/items")};
    options_->json_keys = {"tier", "count", "items"};
    options_->texts = {{.key = "beta", .contains = "\"beta\""}};
    options_->content_types = {{.type = "application/json"},
                               {.type = "application/", .suffix = "+json"}};
    options_->max_bytes = 100;
    ids_ = {.read = stats_.counter("read", "A test's."),
            .too_large = stats_.counter("too_large", "A test's."),
            .malformed = stats_.counter("malformed", "A test's."),
            .overflow = stats_.counter("overflow", "A test's.")};
  }
  ~BodyMatcherTest() override { chain.clear(); }

  void request(std::string_view type, int length = -1, bool end_stream = false,
               std::string_view encoding = {}) {
    if (shared_ == nullptr) {
      shared_ = std::make_unique<BodyMatcherFilterFactory>(options_, ids_);
      base::ServiceMap services;
      services.put(stats_.block(1));
      factory_ = shared_->bind(services);
    }
    begin(*factory_, client.route);
    request_head.method = "POST";
    request_head.authority = "example.com";
    request_head.path = "/";
    request_head.framing = end_stream   ? http::BodyFraming::kNone
                           : length < 0 ? http::BodyFraming::kChunked
                                        : http::BodyFraming::kContentLength;
    request_head.content_length = length < 0 ? 0 : static_cast<uint64_t>(length);
    if (!type.empty()) request_head.headers.add(http::HeaderId::kContentType, type);
    if (!encoding.empty()) request_head.headers.add("content-encoding", encoding);
    chain.requestHead(end_stream);
  }
  // "-": nothing.
  std::string value(std::string_view key) {
    if (info.dynamic_metadata == nullptr) return "-";
    const auto* const found = info.dynamic_metadata->find("body_matcher", key);
    if (found == nullptr) return "-";
    if (const auto* const text = std::get_if<std::string_view>(found)) return std::string(*text);
    if (const auto* const number = std::get_if<double>(found)) return std::to_string(int(*number));
    if (const auto* const flag = std::get_if<bool>(found)) return *flag ? "true" : "false";
    return "list or object";
  }
  uint64_t count(stats::CounterId id) const { return stats_.value(id); }

  stats::Store stats_;
  BodyMatcherStats ids_{};
  std::shared_ptr<BodyMatcherOptions> options_ = std::make_shared<BodyMatcherOptions>();
  std::unique_ptr<BodyMatcherFilterFactory> shared_;
  std::unique_ptr<http::WorkerHttpFilterFactory> factory_;
};

TEST_F(BodyMatcherTest, SetsWhatTheBodySaysBeforeTheRequestGoesOn) {
  const std::string body = R"({"user": {"tier": "gold"}, "count": 7, "items": [1], "f": "beta"})";
  request("application/json; charset=utf-8", static_cast<int>(body.size()));
  sendBody(body.substr(0, 20), false);
  EXPECT_EQ(seen().line, "") << "it waits";
  sendBody(body.substr(20), true);
  EXPECT_EQ(seen().line, "POST example.com /");
  EXPECT_EQ(seen().body, body);
  EXPECT_TRUE(seen().complete);
  EXPECT_EQ(client.cleared, 1) << "the route is looked up again";
  EXPECT_EQ(value("tier"), "gold");
  EXPECT_EQ(value("count"), "7");
  EXPECT_EQ(value("items"), "list or object");
  EXPECT_EQ(value("beta"), "true");
  EXPECT_EQ(count(ids_.read), 1u);
}

TEST_F(BodyMatcherTest, WhatIsNotThereIsNotSet) {
  request("application/vnd.api+json");
  sendBody(R"({"user": null, "count": "x"})", true);
  EXPECT_TRUE(seen().complete);
  EXPECT_EQ(value("tier"), "-");
  EXPECT_EQ(value("count"), "x");
  EXPECT_EQ(value("beta"), "-");
}

TEST_F(BodyMatcherTest, TrailersEndTheBody) {
  request("application/json");
  sendBody(R"({"count": 3})", false);
  request_trailers.add("x-sum", "1");
  chain.requestTrailers();
  EXPECT_EQ(seen().body, R"({"count": 3})");
  EXPECT_EQ(seen().trailers, "x-sum: 1\n");
  EXPECT_EQ(value("count"), "3");
}

TEST_F(BodyMatcherTest, OtherBodiesPassAsTheyCome) {
  const struct {
    std::string_view type;
    std::string_view encoding;
  } cases[] = {
      {"text/plain", ""}, {"", ""}, {"application/jsonp", ""}, {"application/json", "gzip"}};
  for (const auto& c : cases) {
    request(c.type, -1, false, c.encoding);
    EXPECT_EQ(seen().line, "POST example.com /") << c.type;
    sendBody(R"({"count": 3})", true);
    EXPECT_TRUE(seen().complete);
    EXPECT_EQ(value("count"), "-");
  }
  request("application/json", -1, /*end_stream=*/true);
  EXPECT_TRUE(seen().complete);
  EXPECT_EQ(client.cleared, 0);
  EXPECT_EQ(count(ids_.read), 0u);
}

TEST_F(BodyMatcherTest, WhatIsTooLargePassesUnlessRefused) {
  const std::string large(101, ' ');
  for (const int length : {101, -1}) {
    request("application/json", length);
    if (length >= 0) {
      EXPECT_EQ(seen().line, "POST example.com /");
    }
    sendBody(large.substr(0, 60), false);
    sendBody(large.substr(60), false);
    EXPECT_EQ(seen().line, "POST example.com /");
    EXPECT_EQ(seen().body, large);
    sendBody("more", true);
    EXPECT_EQ(seen().body, large + "more");
    EXPECT_TRUE(seen().complete);
  }
  EXPECT_EQ(client.cleared, 0);
  options_->refuse_too_large = true;
  for (const int length : {101, -1}) {
    request("application/json", length);
    if (length < 0) {
      sendBody(large.substr(0, 60), false);
      EXPECT_EQ(client.status, 0);
      sendBody(large.substr(60), false);
    }
    EXPECT_EQ(client.status, 413);
    EXPECT_EQ(info.detail, "body_matcher_too_large");
    EXPECT_EQ(seen().line, "");
    client.status = 0;
  }
  EXPECT_EQ(count(ids_.too_large), 4u);
}

TEST_F(BodyMatcherTest, TheLimitIsExact) {
  request("application/json");
  sendBody(std::string(88, ' ') + R"({"count": 3})", true);
  EXPECT_EQ(value("count"), "3");
}

TEST_F(BodyMatcherTest, WhatIsMalformedPassesUnlessRefused) {
  request("application/json");
  sendBody(R"({"count": 3, "beta")", true);
  EXPECT_TRUE(seen().complete);
  EXPECT_EQ(value("count"), "-");
  EXPECT_EQ(value("beta"), "true") << "texts need no JSON";
  options_->refuse_malformed = true;
  request("application/json");
  sendBody("{", true);
  EXPECT_EQ(client.status, 400);
  EXPECT_EQ(info.detail, "body_matcher_malformed");
  EXPECT_EQ(seen().line, "");
  EXPECT_EQ(count(ids_.malformed), 2u);
}

TEST_F(BodyMatcherTest, RoutesHaveSettingsOfTheirOwn) {
  auto own = std::make_shared<BodyMatcherOptions>(*options_);
  own->pointers = {*JsonPointer::parse("/other")};
  own->json_keys = {"other"};
  const SettingRoute route(own);
  client.route = &route;
  request("application/json");
  sendBody(R"({"count": 3, "other": 4})", true);
  EXPECT_EQ(value("count"), "-");
  EXPECT_EQ(value("other"), "4");
  client.route = nullptr;
}

TEST_F(BodyMatcherTest, RegularExpressionsSearchTheBody) {
  options_->texts = {{.key = "card", .regex = *base::Regex::compile("[0-9]{4}-[0-9]{4}")}};
  request("application/json");
  sendBody("{\"n\": \"x 1234-5678\"}", true);
  EXPECT_EQ(value("card"), "true");
}

TEST_F(BodyMatcherTest, WhatIsNotLookedAtAllocatesNothing) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  request("text/plain", -1, true);
  SilentTerminal silent;
  uint64_t allocations = 0;
  for (int i = 0; i < 40; ++i) {
    const test::AllocationCounter counter("");
    begin(*factory_, silent);
    request_head.method = "POST";
    request_head.path = "/";
    request_head.headers.add(http::HeaderId::kContentType, "text/plain");
    chain.requestHead(true);
    if (i >= 20) allocations += counter.count();
  }
  EXPECT_EQ(allocations, 0u);
}

}  // namespace
}  // namespace weir::extensions::http_filters::body_matcher
