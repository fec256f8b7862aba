#include "extensions/network_filters/rbac/rbac.h"

#include "gtest/gtest.h"

#include "test/extensions/network_filters/common/filter_host.h"

namespace weir::extensions::network_filters::rbac {
namespace {

using network::test::FilterHost;
using network::test::SinkFactory;

class RbacTest : public testing::Test {
 protected:
  RbacTest() { config_->name = "r"; }
  // A rule for sources in `prefix`.
  static Rule rule(std::string name, bool allow, std::string_view prefix) {
    Rule rule{std::move(name), allow, {}};
    rule.match.sources = {*network::Prefix::parse(prefix)};
    return rule;
  }
  void start() {
    for (size_t i = 0; i <= config_->rules.list.rules.size(); ++i) {
      config_->rules.decided.push_back(host_.stats.counter(
          "decisions", "", {{"rule", std::string(config_->rules.list.nameOf(i))}}));
    }
    if (config_->shadow) {
      for (size_t i = 0; i <= config_->shadow->list.rules.size(); ++i) {
        config_->shadow->decided.push_back(host_.stats.counter(
            "shadow", "", {{"rule", std::string(config_->shadow->list.nameOf(i))}}));
      }
    }
    host_.use({std::make_shared<RbacFactory>(config_), std::make_shared<SinkFactory>(seen_)});
  }
  int64_t decided(const char* rule) { return host_.stats.valueOf("decisions", {{"rule", rule}}); }
  int64_t shadowed(const char* rule) { return host_.stats.valueOf("shadow", {{"rule", rule}}); }

  FilterHost host_;
  std::shared_ptr<RbacConfig> config_ = std::make_shared<RbacConfig>();
  SinkFactory::Seen seen_;
};

TEST_F(RbacTest, LetsPassOrCloses) {
  config_->rules.list.rules = {rule("loopback", true, "127.0.0.0/8")};
  start();
  FilterHost::Client& client = host_.connect();
  client.send("hello");
  EXPECT_EQ(seen_.data, "hello");
  EXPECT_EQ(decided("loopback"), 1);
}

TEST_F(RbacTest, DeniedOnesReachNobody) {
  config_->rules.list.rules = {rule("elsewhere", true, "10.0.0.0/8")};
  start();
  FilterHost::Client& client = host_.connect();
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(seen_.connected, 0);
  EXPECT_EQ(decided("default"), 1);
}

TEST_F(RbacTest, ShadowRulesOnlyCount) {
  config_->rules.list.allow_by_default = true;
  config_->shadow.emplace();
  config_->shadow->list.rules = {rule("no", false, "127.0.0.1")};
  start();
  EXPECT_FALSE(host_.connect().closed());
  EXPECT_EQ(decided("default"), 1);
  EXPECT_EQ(shadowed("no"), 1);
  EXPECT_EQ(shadowed("default"), 0);
}

TEST_F(RbacTest, TheSocketsPeerBehindAProxyHeader) {
  Rule direct{"proxy", true, {}};
  direct.match.direct_sources = {*network::Prefix::parse("192.0.2.0/24")};
  config_->rules.list.rules = {direct};
  start();
  auto info = std::make_unique<network::ConnectionInfo>();
  info->direct_source = *network::Address::parse("192.0.2.9:1");
  EXPECT_FALSE(host_.connect(std::move(info)).closed());
  EXPECT_TRUE(host_.connect().closed());
}

TEST_F(RbacTest, ThePortAndTheNameThatWereAskedFor) {
  Rule named{"named", true, {}};
  named.match.server_names = {{"a.example", false}};
  config_->rules.list.rules = {named};
  start();
  auto info = std::make_unique<network::ConnectionInfo>();
  info->server_name = "a.example";
  EXPECT_FALSE(host_.connect(std::move(info)).closed());
  EXPECT_TRUE(host_.connect().closed());
}

}  // namespace
}  // namespace weir::extensions::network_filters::rbac
