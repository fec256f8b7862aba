#include "extensions/http_filters/common/request_key.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"
#include "source/http/dynamic_metadata.h"
#include "source/network/transport_socket.h"

namespace weir::extensions::http_filters {
namespace {

using Part = RequestKeyPart;
using Kind = RequestKeyPart::Kind;

class FakeSecurity final : public network::SecurityInfo {
 public:
  std::string_view tlsVersion() const override { return "TLSv1.3"; }
  std::string_view cipher() const override { return "none"; }
  std::string_view requestedServerName() const override { return {}; }
  const network::CertificateFacts* peerCertificate() const override { return &facts; }
  bool peerVerified() const override { return verified; }
  network::CertificateFacts facts;
  bool verified = true;
};

class NamedRoute final : public http::Route {
 public:
  std::string_view name() const override { return "login"; }
  std::string_view virtualHostName() const override { return "shop"; }
  std::string_view clusterName() const override { return "web"; }
};

class RequestKeyTest : public ::testing::Test {
 protected:
  RequestKeyTest() {
    head_.method = "GET";
    head_.authority = "Shop.Example:8443";
    head_.path = "/a/b/c?user=j%6Fe&x=1";
    head_.headers.add("X-Api-Key", "k1");
    head_.headers.add("Cookie", "session=abc; other=1");
  }
  std::string key(std::vector<Part> parts, bool limit_missing = true) {
    RequestKey::Room room;
    const auto text = RequestKey(std::move(parts), limit_missing)
                          .build({.head = head_, .info = info_, .route = route_}, room);
    return text ? std::string(*text) : "none";
  }
  std::string ofHeader(std::string_view value) {
    head_.headers.set("x-any", value);
    return key({{.kind = Kind::kHeader, .name = "x-any"}});
  }
  std::string address(const std::string& text, Part part) {
    const auto parsed = network::Address::parse(text);
    EXPECT_TRUE(parsed.ok());
    address_ = *parsed;
    info_.downstream_remote = &address_;
    return key({std::move(part)});
  }

  http::RequestHead head_;
  http::StreamInfo info_;
  const http::Route* route_ = nullptr;
  network::Address address_;
};

TEST_F(RequestKeyTest, ReadsEachPart) {
  EXPECT_EQ(key({{.kind = Kind::kHeader, .name = "x-api-key"}}), "k1");
  EXPECT_EQ(key({{.kind = Kind::kCookie, .name = "session"}}), "abc");
  EXPECT_EQ(key({{.kind = Kind::kQueryParameter, .name = "user"}}), "joe");
  EXPECT_EQ(key({{.kind = Kind::kPath}}), "/a/b/c");
  EXPECT_EQ(key({{.kind = Kind::kPath, .segments = 2}}), "/a/b");
  EXPECT_EQ(key({{.kind = Kind::kPath, .segments = 9}}), "/a/b/c");
  EXPECT_EQ(key({{.kind = Kind::kMethod}}), "GET");
  EXPECT_EQ(key({{.kind = Kind::kHost}}), "shop.example");
  EXPECT_EQ(key({{.kind = Kind::kText, .name = "all"}}), "all");
  const NamedRoute route;
  route_ = &route;
  EXPECT_EQ(key({{.kind = Kind::kRoute}, {.kind = Kind::kVirtualHost}}), "login|shop");
  EXPECT_EQ(key({}), "");
}

TEST_F(RequestKeyTest, Addresses) {
  EXPECT_EQ(address("10.1.2.3:99", {.kind = Kind::kClientAddress}), "10.1.2.3");
  EXPECT_EQ(address("10.1.2.3:99", {.kind = Kind::kClientAddress, .ipv4_bits = 12}), "10.0.0.0");
  EXPECT_EQ(address("[2001:db8:1:2:3::9]:1", {.kind = Kind::kClientAddress}), "2001:db8:1:2::");
  EXPECT_EQ(address("[::ffff:10.1.2.3]:1", {.kind = Kind::kClientAddress}), "10.1.2.3");
  EXPECT_EQ(address("unix:/x", {.kind = Kind::kClientAddress}), "~");
  EXPECT_EQ(address("10.1.2.3:99", {.kind = Kind::kDirectAddress}), "~") << "nobody knows it";
}

TEST_F(RequestKeyTest, WhatIsMissingCountsTogetherOrNotAtAll) {
  const Part absent{.kind = Kind::kHeader, .name = "x-none"};
  EXPECT_EQ(key({absent, {.kind = Kind::kMethod}}), "~|GET");
  EXPECT_EQ(key({absent, {.kind = Kind::kMethod}}, false), "none");
  head_.headers.set("x-none", "");
  EXPECT_EQ(key({absent}), "~") << "empty is missing";
  head_.headers.set("x-none", "~");
  EXPECT_EQ(key({absent}), "%7e") << "nobody can pretend to have none";
  EXPECT_EQ(key({{.kind = Kind::kRoute}}), "~");
  EXPECT_EQ(key({{.kind = Kind::kTlsIdentity}}), "~");
}

TEST_F(RequestKeyTest, MetadataInsideAndOutside) {
  base::Arena arena;
  const http::MetadataField roles[] = {{"admin.level", http::MetadataValue::of(3.0)},
                                       {"on", http::MetadataValue::of(true)}};
  const http::MetadataField members[] = {{"sub", http::MetadataValue::of("joe")},
                                         {"roles", http::MetadataValue::structure(roles)}};
  const http::MetadataValue tree = http::MetadataValue::structure(members);
  http::DynamicMetadata& metadata = http::dynamicMetadata(info_, arena);
  metadata.set("jwt_auth", "claims", &tree);
  metadata.set("jwt_auth", "iss.name", std::string_view("me"));
  metadata.set("jwt_auth", "n", 1.5);
  const auto value = [&](const char* field) {
    return key({{.kind = Kind::kMetadata, .name = "jwt_auth", .field = field}});
  };
  EXPECT_EQ(value("claims.sub"), "joe");
  EXPECT_EQ(value("claims.roles.admin.level"), "3");
  EXPECT_EQ(value("claims.roles.on"), "true");
  EXPECT_EQ(value("iss.name"), "me");
  EXPECT_EQ(value("n"), "1.5");
  EXPECT_EQ(value("claims"), "~");
  EXPECT_EQ(value("claims.none"), "~");
  EXPECT_EQ(value("claims.sub.more"), "~");
  EXPECT_EQ(value("n.more"), "~");
  EXPECT_EQ(value("none"), "~");
}

TEST_F(RequestKeyTest, IdentitiesOnlyWhenVerified) {
  FakeSecurity security;
  security.facts.subject = "CN=web";
  info_.downstream_tls = &security;
  EXPECT_EQ(key({{.kind = Kind::kTlsIdentity}}), "CN=web");
  security.facts.dns_names = {"web.example"};
  EXPECT_EQ(key({{.kind = Kind::kTlsIdentity}}), "web.example");
  security.facts.uris = {"spiffe://a/b"};
  EXPECT_EQ(key({{.kind = Kind::kTlsIdentity}}), "spiffe://a/b");
  security.verified = false;
  EXPECT_EQ(key({{.kind = Kind::kTlsIdentity}}), "~");
}

TEST_F(RequestKeyTest, LongPartsCountByTheirHash) {
  EXPECT_EQ(ofHeader(std::string(64, 'a')), std::string(64, 'a'));
  const std::string hashed = ofHeader(std::string(65, 'a'));
  EXPECT_EQ(hashed.size(), 37u);
  EXPECT_TRUE(hashed.starts_with("~xxh:"));
  EXPECT_NE(ofHeader(std::string(66, 'a')), hashed);
  EXPECT_NE(ofHeader(std::string(128, 'a')), ofHeader(std::string(192, 'a')));
  EXPECT_EQ(ofHeader(hashed), "%7e" + hashed.substr(1)) << "a hash cannot be pretended";
}

// Different parts never make the same key, and every key is printable and bounded.
TEST_F(RequestKeyTest, KeysTellPartsApart) {
  base::Random random(3);
  std::map<std::string, std::pair<std::string, std::string>> seen;
  const auto text = [&] {
    constexpr std::string_view kBytes = "a|%~{} \x01\xff";
    std::string made;
    const uint64_t size = random.uniform(10) == 0 ? 40 + random.uniform(400) : random.uniform(4);
    while (made.size() < size) made += kBytes[random.uniform(kBytes.size())];
    return made;
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::pair<std::string, std::string> parts(text(), text());
    head_.headers.set("x-one", parts.first);
    head_.headers.set("x-two", parts.second);
    const std::string made =
        key({{.kind = Kind::kHeader, .name = "x-one"}, {.kind = Kind::kHeader, .name = "x-two"}});
    ASSERT_LE(made.size(), RequestKey::kMaxBytes);
    for (const char c : made) ASSERT_TRUE(c > ' ' && c < 0x7f && c != '{' && c != '}');
    const auto [known, added] = seen.emplace(made, parts);
    ASSERT_EQ(known->second, parts) << made;
    if (i % 100 == 0) head_.clear();
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters
