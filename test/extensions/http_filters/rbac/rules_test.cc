#include "extensions/http_filters/rbac/rules.h"

#include "gtest/gtest.h"

#include "source/http/dynamic_metadata.h"

namespace weir::extensions::http_filters::rbac {
namespace {

using http::MetadataField;
using http::MetadataValue;
using http::TextMatcher;

class HttpRbacRules : public ::testing::Test {
 protected:
  bool holds(Condition::Test test) const { return Condition{std::move(test)}.holds(head_, info_); }
  http::RequestHead head_;
  http::StreamInfo info_;
  base::Arena arena_;
};

TEST_F(HttpRbacRules, ClaimsInDynamicMetadata) {
  const MetadataField groups[] = {{"", MetadataValue::of("a")}, {"", MetadataValue::of("b")}};
  const MetadataField claims[] = {{"sub", MetadataValue::of("alice")},
                                  {"groups", MetadataValue::list(groups)},
                                  {"level", MetadataValue::of(7.0)},
                                  {"staff", MetadataValue::of(true)}};
  const MetadataValue payload = MetadataValue::structure(claims);
  dynamicMetadata(info_, arena_).set("jwt_auth", "claims", &payload);
  dynamicMetadata(info_, arena_).set("api_key", "client", std::string_view("shop"));
  const auto claim = [&](std::vector<std::string> path, TextMatcher value) {
    return holds(MetadataIs{"jwt_auth", "claims", std::move(path), std::move(value)});
  };
  EXPECT_TRUE(claim({"sub"}, TextMatcher::exact("alice")));
  EXPECT_FALSE(claim({"sub"}, TextMatcher::exact("bob")));
  EXPECT_TRUE(claim({"groups"}, TextMatcher::exact("b")));
  EXPECT_FALSE(claim({"groups"}, TextMatcher::exact("c")));
  EXPECT_TRUE(claim({"level"}, TextMatcher::exact("7")));
  EXPECT_TRUE(claim({"staff"}, TextMatcher::exact("true")));
  EXPECT_FALSE(claim({"absent"}, TextMatcher::present()));
  EXPECT_FALSE(claim({"sub", "x"}, TextMatcher::present()));
  EXPECT_TRUE(holds(MetadataIs{"api_key", "client", {}, TextMatcher::prefix("sh")}));
  EXPECT_FALSE(holds(MetadataIs{"api_key", "client", {"x"}, TextMatcher::present()}));
  EXPECT_FALSE(holds(MetadataIs{"other", "client", {}, TextMatcher::present()}));
}

TEST_F(HttpRbacRules, HostsWithoutTheirPorts) {
  const auto is = [&](std::string_view authority, std::string_view name) {
    head_.authority = authority;
    return holds(HostIn{{*network::NamePattern::parse(name)}});
  };
  EXPECT_TRUE(is("shop.example:8080", "shop.example"));
  EXPECT_TRUE(is("SHOP.example", "shop.example"));
  EXPECT_TRUE(is("a.shop.example", "*.shop.example"));
  EXPECT_FALSE(is("shop.example", "*.shop.example"));
  EXPECT_FALSE(is("shop.example.evil", "shop.example"));
  EXPECT_FALSE(is("", "shop.example"));
}

TEST_F(HttpRbacRules, EmptyBranches) {
  EXPECT_TRUE(holds(Condition::Branch{.joint = Condition::Joint::kAll}));
  EXPECT_FALSE(holds(Condition::Branch{.joint = Condition::Joint::kAny}));
  EXPECT_TRUE(holds(Condition::Branch{.joint = Condition::Joint::kNot}));
}

TEST_F(HttpRbacRules, NothingIsKnownOfAPlainConnection) {
  EXPECT_FALSE(holds(network::CertificateMatch()));
  EXPECT_FALSE(holds(PortIn{{443}}));
  EXPECT_FALSE(holds(SourceIn{
      network::CidrSet(std::vector<network::Prefix>{*network::Prefix::parse("0.0.0.0/0")}), true}));
}

}  // namespace
}  // namespace weir::extensions::http_filters::rbac
