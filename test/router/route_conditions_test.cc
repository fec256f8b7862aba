#include "source/router/route_conditions.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/arena.h"
#include "source/http/dynamic_metadata.h"
#include "source/http/metadata.h"
#include "source/network/transport_socket.h"

namespace weir::router {
namespace {

using http::MetadataField;
using http::MetadataValue;
using http::TextMatcher;
using testing::HasSubstr;

class FakeSecurity final : public network::SecurityInfo {
 public:
  std::string_view tlsVersion() const override { return "TLSv1.3"; }
  std::string_view cipher() const override { return ""; }
  std::string_view requestedServerName() const override { return ""; }
  const network::CertificateFacts* peerCertificate() const override {
    return presented ? &facts : nullptr;
  }
  bool peerVerified() const override { return verified; }

  bool presented = false;
  bool verified = false;
  network::CertificateFacts facts;
};

class RouteConditionsTest : public testing::Test {
 protected:
  RouteConditionsTest() {
    head_.method = "GET";
    head_.path = "/a?x=1&y=%41";
    head_.authority = "shop.example";
    head_.scheme = "https";
    head_.headers.add("x-user", "ann");
    head_.headers.add("cookie", "tier=gold; b=2");
    info_.downstream_remote = &client_;
    info_.downstream_direct = &proxy_;
  }

  // "" when they hold.
  std::string failure(const RouteConditions& conditions) {
    const std::string text = conditions.firstFailure(head_, info_);
    EXPECT_EQ(conditions.hold(head_, info_), text.empty()) << text;
    return text;
  }
  http::DynamicMetadata& metadata() { return http::dynamicMetadata(info_, arena_); }

  http::RequestHead head_;
  http::StreamInfo info_;
  base::Arena arena_{256};
  FakeSecurity security_;
  network::Address client_ = *network::Address::parse("10.1.2.3:4");
  network::Address proxy_ = *network::Address::parse("[2001:db8::1]:4");
};

TEST_F(RouteConditionsTest, NothingAskedForAlwaysHolds) {
  EXPECT_EQ(failure({}), "");
}

TEST_F(RouteConditionsTest, Methods) {
  EXPECT_EQ(failure({.methods = {"HEAD", "GET"}}), "");
  EXPECT_EQ(failure({.methods = {"POST", "PUT", "get"}}), "the method is not POST, PUT or get");
}

TEST_F(RouteConditionsTest, HeadersQueryAndCookiesAllHaveToHold) {
  RouteConditions conditions;
  conditions.headers = {{"x-user", TextMatcher::exact("ann")},
                        {":authority", TextMatcher::suffix(".example")},
                        {"x-none", TextMatcher::present(), /*invert=*/true}};
  conditions.query = {{"x", TextMatcher::exact("1")}, {"y", TextMatcher::exact("A")}};
  conditions.cookies = {{"tier", TextMatcher::prefix("go")}};
  EXPECT_EQ(failure(conditions), "");
  conditions.cookies.emplace_back("b", TextMatcher::exact("3"));
  EXPECT_THAT(failure(conditions), HasSubstr("cookie b is \"3\""));
  conditions.query.emplace_back("z", TextMatcher::present());
  EXPECT_THAT(failure(conditions), HasSubstr("query parameter z is there"));
  conditions.headers.emplace_back("x-user", TextMatcher::exact("bob"));
  EXPECT_THAT(failure(conditions), HasSubstr("header x-user is \"bob\""));
}

TEST_F(RouteConditionsTest, GrpcIsAContentType) {
  EXPECT_EQ(failure({.grpc = false}), "");
  EXPECT_EQ(failure({.grpc = true}), "the request is no gRPC call");
  head_.headers.add("content-type", "application/grpc+proto");
  EXPECT_EQ(failure({.grpc = true}), "");
  EXPECT_EQ(failure({.grpc = false}), "the request is a gRPC call");
}

TEST_F(RouteConditionsTest, SourcesAreTrustedClientsOrPeers) {
  const std::vector<network::Prefix> ten = {*network::Prefix::parse("10.0.0.0/8")};
  RouteConditions conditions;
  conditions.source = {.prefixes = network::CidrSet(ten), .text = "10.0.0.0/8"};
  EXPECT_EQ(failure(conditions), "");
  conditions.source->direct = true;
  EXPECT_EQ(failure(conditions), "the client's address 2001:db8::1 is not in 10.0.0.0/8");
  conditions.source->invert = true;
  EXPECT_EQ(failure(conditions), "");
  conditions.source->direct = false;
  EXPECT_EQ(failure(conditions), "the client's address 10.1.2.3 is in 10.0.0.0/8");
  info_.downstream_remote = nullptr;
  EXPECT_EQ(failure(conditions), "");
}

TEST_F(RouteConditionsTest, TlsFacts) {
  const auto tls = [this](TlsCondition condition) {
    RouteConditions conditions;
    conditions.tls = std::move(condition);
    return failure(conditions);
  };
  const std::vector<TextMatcher> names = {TextMatcher::exact("spiffe://a/b"),
                                          TextMatcher::suffix(".client.example")};
  EXPECT_EQ(tls({.secured = false}), "");
  EXPECT_EQ(tls({.secured = true}), "the connection is not secured by TLS");
  info_.downstream_tls = &security_;
  EXPECT_EQ(tls({.secured = true}), "");
  EXPECT_EQ(tls({.secured = false}), "the connection is secured by TLS");
  EXPECT_EQ(tls({.certificate_presented = false}), "");
  EXPECT_NE(tls({.certificate_presented = true}), "");
  EXPECT_EQ(tls({.certificate_validated = false}), "");
  security_.presented = true;
  security_.facts.dns_names = {"one.client.example"};
  EXPECT_EQ(tls({.certificate_presented = true}), "");
  EXPECT_NE(tls({.certificate_validated = true}), "");
  EXPECT_NE(tls({.subject_alt_names = names}), "") << "what nobody has checked names nobody";
  security_.verified = true;
  EXPECT_EQ(tls({.certificate_validated = true}), "");
  EXPECT_EQ(tls({.subject_alt_names = names}), "");
  security_.facts.dns_names = {"client.example"};
  EXPECT_NE(tls({.subject_alt_names = names}), "");
  security_.facts.uris = {"spiffe://a/b"};
  EXPECT_EQ(tls({.subject_alt_names = names}), "");
}

TEST_F(RouteConditionsTest, ServerNames) {
  RouteConditions conditions;
  conditions.tls = {.server_names = {"shop.example", "*.api.example"}};
  const std::map<std::string, bool> expected = {{"shop.example", true},
                                                {"a.shop.example", false},
                                                {"v1.api.example", true},
                                                {"x.v1.api.example", true},
                                                {"api.example", false},
                                                {".api.example", false},
                                                {"", false}};
  info_.downstream_tls = &security_;
  for (const auto& [name, holds] : expected) {
    info_.requested_server_name = name;
    EXPECT_EQ(failure(conditions).empty(), holds) << name;
  }
}

TEST_F(RouteConditionsTest, DynamicMetadata) {
  const auto one = [this](MetadataCondition condition) {
    RouteConditions conditions;
    conditions.metadata.push_back(std::move(condition));
    return failure(conditions);
  };
  EXPECT_EQ(one({.name_space = "f", .path = {"k"}}), "does not hold: metadata f.k is there");
  EXPECT_EQ(one({.name_space = "f", .path = {"k"}, .invert = true}), "");
  metadata().set("f", "k", std::string_view("gold"));
  metadata().set("f", "n", 7.0);
  metadata().set("f", "b", true);
  const MetadataField inner[] = {{"tier", MetadataValue::of("gold")}, {"nothing", MetadataValue()}};
  const MetadataField outer[] = {{"user", MetadataValue::structure(inner)}};
  const MetadataValue claims = MetadataValue::structure(outer);
  metadata().set("f", "claims", &claims);
  EXPECT_EQ(one({.name_space = "f", .path = {"k"}}), "");
  EXPECT_EQ(one({.name_space = "f", .path = {"k"}, .text = TextMatcher::exact("gold")}), "");
  EXPECT_NE(one({.name_space = "f", .path = {"k"}, .text = TextMatcher::exact("tin")}), "");
  EXPECT_NE(one({.name_space = "f", .path = {"k"}, .number = 7}), "");
  EXPECT_NE(one({.name_space = "f", .path = {"k", "deeper"}}), "");
  EXPECT_EQ(one({.name_space = "f", .path = {"n"}, .number = 7}), "");
  EXPECT_NE(one({.name_space = "f", .path = {"n"}, .number = 8}), "");
  EXPECT_NE(one({.name_space = "f", .path = {"n"}, .text = TextMatcher::present()}), "");
  EXPECT_EQ(one({.name_space = "f", .path = {"b"}, .boolean = true}), "");
  EXPECT_NE(one({.name_space = "f", .path = {"b"}, .boolean = false}), "");
  EXPECT_EQ(one({.name_space = "f", .path = {"b"}, .boolean = false, .invert = true}), "");
  EXPECT_EQ(one({.name_space = "f", .path = {"claims"}}), "");
  EXPECT_NE(one({.name_space = "f", .path = {"claims"}, .text = TextMatcher::present()}), "");
  EXPECT_EQ(one({.name_space = "f",
                 .path = {"claims", "user", "tier"},
                 .text = TextMatcher::exact("gold")}),
            "");
  EXPECT_NE(one({.name_space = "f", .path = {"claims", "user", "none"}}), "");
  EXPECT_NE(one({.name_space = "f", .path = {"claims", "user", "nothing"}}), "") << "null";
}

TEST_F(RouteConditionsTest, FractionsAreDrawnOncePerExchangeAndForEachRoute) {
  RouteConditions one;
  one.fraction = http::Fraction{.millionths = 250'000};
  one.salt = 1;
  RouteConditions other = one;
  other.salt = 2;
  int ones = 0;
  int both = 0;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    info_.draw = static_cast<uint64_t>(i);
    const bool held = one.hold(head_, info_);
    ASSERT_EQ(one.hold(head_, info_), held);
    ones += held ? 1 : 0;
    both += held && other.hold(head_, info_) ? 1 : 0;
  }
  EXPECT_NEAR(ones, kDraws * 0.25, kDraws * 0.02);
  EXPECT_NEAR(both, kDraws * 0.0625, kDraws * 0.01) << "they are independent";
  one.fraction->millionths = 0;
  EXPECT_EQ(failure(one), "chance has left this request out (the route takes 0 %)");
}

}  // namespace
}  // namespace weir::router
