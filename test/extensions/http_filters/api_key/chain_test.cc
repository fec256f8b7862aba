#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/http_filters/api_key/api_key.h"
#include "test/extensions/http_filters/common/access/filter_stage.h"

namespace weir::extensions::http_filters::api_key {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kKey[] = "the-key-of-the-shop";

TEST(ApiKeyChain, KnowsClients) {
  FilterStage stage;
  auto config = std::make_shared<ApiKeyConfig>();
  auto keys = std::make_shared<KeyTable>();
  ASSERT_TRUE(keys->add("shop", kKey).ok());
  ASSERT_TRUE(keys->add("blog", "the-key-of-the-blog").ok());
  config->keys.set(keys);
  config->places = {{.name = "x-api-key", .prefix = {}},
                    {.kind = CredentialPlace::Kind::kQuery, .name = "key", .prefix = {}},
                    {.kind = CredentialPlace::Kind::kCookie, .name = "key", .prefix = {}}};
  config->client_header = "x-client";
  config->allowed = {"shop"};
  const auto id = [&](const char* name) { return stage.stats.counter(name, "A test's."); };
  config->stats = {
      .allowed = id("a"), .missing = id("m"), .unknown = id("u"), .forbidden = id("f")};
  stage.use(ApiKeyFactory(config));
  stage.ask("/", {{"X-Client", "root"}, {"X-API-Key", kKey}});
  EXPECT_THAT(stage.seen().headers, HasSubstr("x-client: shop"));
  EXPECT_THAT(stage.seen().headers, Not(HasSubstr(kKey)));
  EXPECT_THAT(stage.seen().headers, Not(HasSubstr("root")));
  stage.ask("/a?b=1&key=the-key-of-the-shop&c=2");
  EXPECT_EQ(stage.seen().line, "GET shop.example /a?b=1&c=2");
  stage.ask("/a?key=the-key-of-the-shop");
  EXPECT_EQ(stage.seen().line, "GET shop.example /a");
  stage.ask("/", {{"cookie", "a=1; key=the-key-of-the-shop;b=2"}});
  EXPECT_THAT(stage.seen().headers, HasSubstr("ookie: a=1;b=2"));
  stage.ask("/");
  EXPECT_EQ(stage.client.status, 401);
  EXPECT_EQ(stage.info.detail, "api_key_missing");
  stage.ask("/", {{"x-api-key", "the-key-of-nobody"}});
  EXPECT_EQ(stage.info.detail, "api_key_unknown");
  stage.ask("/", {{"x-api-key", "the-key-of-the-blog"}});
  EXPECT_EQ(stage.client.status, 403);
  EXPECT_FALSE(stage.passed());
}

}  // namespace
}  // namespace weir::extensions::http_filters::api_key
