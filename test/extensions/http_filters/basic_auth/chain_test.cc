#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/http_filters/basic_auth/basic_auth.h"
#include "test/extensions/http_filters/common/access/filter_stage.h"

namespace weir::extensions::http_filters::basic_auth {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kHash[] = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

class BasicAuthChain : public ::testing::Test {
 protected:
  BasicAuthChain() {
    auto users = std::make_shared<UserTable>();
    EXPECT_TRUE(users->add("alice", kHash).ok());
    config->users.set(users);
    config->user_header = "x-user";
    const auto id = [&](const char* name) { return stage.stats.counter(name, "A test's."); };
    config->stats = {.allowed = id("allowed"),
                     .missing = id("missing"),
                     .malformed = id("malformed"),
                     .wrong = id("wrong"),
                     .forbidden = id("forbidden"),
                     .busy = id("busy"),
                     .checked = id("checked")};
    stage.use(BasicAuthFactory(config));
  }
  // With an answer, or through.
  void ask(std::string_view authorization) {
    stage.ask("/", {{"x-user", "root"}, {"authorization", authorization}});
    EXPECT_TRUE(
        stage.dispatcher.runUntil([this] { return stage.passed() || stage.client.status != 0; }));
  }
  std::shared_ptr<BasicAuthConfig> config = std::make_shared<BasicAuthConfig>(4);
  FilterStage stage;
};

TEST_F(BasicAuthChain, ChecksAndRemembers) {
  for (int i = 0; i < 3; ++i) {
    ask("Basic YWxpY2U6c2VjcmV0");  // alice:secret
    ASSERT_TRUE(stage.passed());
    EXPECT_THAT(stage.seen().headers, HasSubstr("x-user: alice"));
    EXPECT_THAT(stage.seen().headers, Not(HasSubstr("root")));
    EXPECT_THAT(stage.seen().headers, Not(HasSubstr("uthorization")));
  }
  EXPECT_EQ(stage.stats.valueOf("checked"), 1);
  stage.dispatcher.advance(std::chrono::seconds(61));
  ask("basic YWxpY2U6c2VjcmV0");
  EXPECT_TRUE(stage.passed());
  EXPECT_EQ(stage.stats.valueOf("checked"), 2);
}

TEST_F(BasicAuthChain, RefusesOthers) {
  ask("Basic YWxpY2U6Z3Vlc3M=");  // alice:guess
  EXPECT_EQ(stage.client.status, 401);
  EXPECT_EQ(stage.info.detail, "basic_auth_wrong");
  EXPECT_THAT(stage.client.headers, HasSubstr("Basic realm=\"weir\", charset=\"UTF-8\""));
  ask("Basic ZXZlOnNlY3JldA==");  // eve:secret
  EXPECT_EQ(stage.info.detail, "basic_auth_wrong");
  EXPECT_EQ(stage.stats.valueOf("checked"), 2);  // as long for her as for alice
  ask("Basic !");
  EXPECT_EQ(stage.info.detail, "basic_auth_malformed");
  ask("Bearer x");
  EXPECT_EQ(stage.info.detail, "basic_auth_missing");
}

TEST_F(BasicAuthChain, AStreamMayEndWhileItsPasswordIsChecked) {
  for (int i = 0; i < 20; ++i) {
    stage.ask("/", {{"authorization", "Basic YWxpY2U6Z3Vlc3M="}});
    stage.clear();
  }
  stage.dispatcher.runUntilIdle();
}

}  // namespace
}  // namespace weir::extensions::http_filters::basic_auth
