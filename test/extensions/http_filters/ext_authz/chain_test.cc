#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/http_filters/ext_authz/ext_authz.h"
#include "test/extensions/http_filters/common/access/filter_stage.h"

namespace weir::extensions::http_filters::ext_authz {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ExtAuthzChain : public ::testing::Test {
 protected:
  ExtAuthzChain() {
    config->cluster = "auth";
    config->request_fields.add("authorization");
    config->upstream_fields.add("x-user");
    config->client_fields.add("set-cookie");
    config->denied_fields.add("location");
    const auto id = [&](const char* name) { return stage.stats.counter(name, "A test's."); };
    config->stats = {.allowed = id("a"),
                     .denied = id("d"),
                     .failed = id("f"),
                     .failed_open = id("o"),
                     .too_large = id("t")};
  }
  std::shared_ptr<ExtAuthzConfig> config = std::make_shared<ExtAuthzConfig>();
  FilterStage stage;
};

TEST_F(ExtAuthzChain, AllowsWithWhatTheServiceSays) {
  config->path_prefix = "/check";
  config->metadata_field = "x-data";
  stage.use(ExtAuthzFactory(config));
  stage.ask("/a?b", {{"Authorization", "s"}, {"X-User", "root"}, {"X-Weir-Auth-Failed", "true"}});
  EXPECT_FALSE(stage.passed());
  auto& call = stage.calls.last();
  EXPECT_EQ(call.cluster, "auth");
  EXPECT_EQ(call.path, "/check/a?b");
  EXPECT_EQ(call.authority, "shop.example");
  EXPECT_EQ(call.fields.front(), (std::pair<std::string, std::string>("Authorization", "s")));
  for (const auto& [name, value] : call.fields) EXPECT_NE(value, "root");
  stage.calls.answer(
      call, 200, "",
      {{"x-user", "alice"}, {"set-cookie", "a=1"}, {"x-data", R"({"tier":"gold"})"}});
  ASSERT_TRUE(stage.passed());
  EXPECT_THAT(stage.seen().headers, HasSubstr("x-user: alice"));
  EXPECT_THAT(stage.seen().headers, Not(HasSubstr("root")));
  EXPECT_THAT(stage.seen().headers, Not(HasSubstr("Failed")));
  ASSERT_NE(stage.info.dynamic_metadata, nullptr);
  stage.terminal->respond(200, "hi");
  EXPECT_THAT(stage.client.headers, HasSubstr("set-cookie: a=1"));
}

TEST_F(ExtAuthzChain, AppendsToWhatTheRequestHas) {
  for (const char* name : {"x-roles", "cookie", "x-new", "x-empty"}) {
    config->appended_fields.add(name);
  }
  stage.use(ExtAuthzFactory(config));
  stage.ask("/", {{"X-Roles", "guest"},
                  {"x-other", "o"},
                  {"X-ROLES", "buyer"},
                  {"Cookie", "a=1"},
                  {"X-Empty", ""},
                  {"X-User", "root"}});
  stage.calls.answer(stage.calls.last(), 200, "",
                     {{"x-roles", "seller"},
                      {"x-user", "alice"},
                      {"X-Roles", "admin, owner"},
                      {"cookie", "b=2"},
                      {"x-new", "n"},
                      {"x-empty", "e"},
                      {"x-other", "p"}});
  ASSERT_TRUE(stage.passed());
  const std::string& told = stage.seen().headers;
  EXPECT_THAT(told, HasSubstr("guest, buyer, seller, admin, owner\n"));
  EXPECT_THAT(told, HasSubstr("ookie: a=1; b=2\n"));
  EXPECT_THAT(told, HasSubstr("x-new: n\n"));
  EXPECT_THAT(told, HasSubstr("mpty: e\n"));
  EXPECT_THAT(told, HasSubstr("x-other: o\n"));
  EXPECT_THAT(told, HasSubstr("x-user: alice\n"));
  EXPECT_THAT(told, Not(HasSubstr("root")));
}

// As if the filter were not there.
TEST_F(ExtAuthzChain, WhatTheServiceDoesNotSayIsNotAppended) {
  config->appended_fields.add("x-roles");
  config->allow_on_failure = true;
  stage.use(ExtAuthzFactory(config));
  stage.ask("/", {{"X-Roles", "guest"}});
  stage.calls.answer(stage.calls.last(), 200);
  EXPECT_THAT(stage.seen().headers, HasSubstr("X-Roles: guest\n"));
  stage.ask("/", {{"X-Roles", "guest"}});
  stage.calls.answer(stage.calls.last(), 500, "", {{"x-roles", "admin"}});
  EXPECT_THAT(stage.seen().headers, HasSubstr("X-Roles: guest\n"));
}

TEST_F(ExtAuthzChain, DeniesWithItsAnswer) {
  stage.use(ExtAuthzFactory(config));
  stage.ask("/");
  stage.calls.answer(stage.calls.last(), 302, "go", {{"location", "/login"}, {"x-secret", "s"}});
  EXPECT_FALSE(stage.passed());
  EXPECT_EQ(stage.client.status, 302);
  EXPECT_EQ(stage.client.body, "go");
  EXPECT_THAT(stage.client.headers, HasSubstr("location: /login"));
  EXPECT_THAT(stage.client.headers, Not(HasSubstr("x-secret")));
}

TEST_F(ExtAuthzChain, FailuresAreClosedOrOpen) {
  stage.use(ExtAuthzFactory(config));
  stage.ask("/");
  stage.calls.answer(stage.calls.last(), 500);
  EXPECT_EQ(stage.client.status, 503);
  stage.ask("/");
  stage.calls.fail(stage.calls.last());
  EXPECT_EQ(stage.client.status, 503);
  EXPECT_EQ(stage.info.detail, "ext_authz_failed");
  auto open = std::make_shared<ExtAuthzConfig>(*config);
  open->allow_on_failure = true;
  FilterStage other;
  open->stats = {.allowed = other.stats.counter("a", "A test's."),
                 .denied = other.stats.counter("d", "A test's."),
                 .failed = other.stats.counter("f", "A test's."),
                 .failed_open = other.stats.counter("o", "A test's."),
                 .too_large = other.stats.counter("t", "A test's.")};
  other.use(ExtAuthzFactory(open));
  other.ask("/");
  other.calls.fail(other.calls.last());
  ASSERT_TRUE(other.passed());
  EXPECT_THAT(other.seen().headers, HasSubstr("x-weir-auth-failed: true"));
}

TEST_F(ExtAuthzChain, BodiesToALimit) {
  config->max_body_bytes = 10;
  stage.use(ExtAuthzFactory(config));
  stage.ask("/", {}, "POST", "192.0.2.1:1", false);
  stage.sendBody("01234", false);
  EXPECT_TRUE(stage.calls.calls.empty());
  stage.sendBody("56789", true);
  ASSERT_EQ(stage.calls.calls.size(), 1u);
  EXPECT_EQ(stage.calls.last().body, "0123456789");
  stage.calls.answer(stage.calls.last(), 200);
  EXPECT_EQ(stage.seen().body, "0123456789");
  EXPECT_TRUE(stage.seen().complete);
  stage.ask("/", {}, "POST", "192.0.2.1:1", false);
  stage.sendBody("0123456789a", false);
  EXPECT_EQ(stage.client.status, 413);
}

TEST_F(ExtAuthzChain, TheBeginningOfLargeBodies) {
  config->max_body_bytes = 4;
  config->allow_partial_body = true;
  stage.use(ExtAuthzFactory(config));
  stage.ask("/", {}, "POST", "192.0.2.1:1", false);
  stage.sendBody("012", false);
  stage.sendBody("3456", false);
  ASSERT_EQ(stage.calls.calls.size(), 1u);
  EXPECT_EQ(stage.calls.last().body, "0123");
  EXPECT_EQ(stage.calls.last().fields.back().first, "x-weir-partial-body");
  stage.sendBody("789", true);
  stage.calls.answer(stage.calls.last(), 200);
  EXPECT_EQ(stage.seen().body, "0123456789");
}

TEST_F(ExtAuthzChain, AStreamThatEndsCancels) {
  stage.use(ExtAuthzFactory(config));
  stage.ask("/");
  auto& call = stage.calls.last();
  stage.clear();
  EXPECT_TRUE(call.cancelled);
}

}  // namespace
}  // namespace weir::extensions::http_filters::ext_authz
