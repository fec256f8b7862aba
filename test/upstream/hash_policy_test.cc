#include "source/upstream/hash_policy.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "source/base/hash.h"
#include "source/http/dynamic_metadata.h"
#include "source/http/message.h"
#include "source/http/stream_info.h"
#include "source/network/transport_socket.h"

namespace weir::upstream {
namespace {

using Kind = HashKey::Kind;

network::Address address(std::string_view text) {
  return *network::Address::parse(text);
}

// A client's TLS session.
struct Security final : network::SecurityInfo {
  explicit Security(std::string id) : id(std::move(id)) {}
  std::string_view tlsVersion() const override { return "TLSv1.2"; }
  std::string_view cipher() const override { return {}; }
  std::string_view requestedServerName() const override { return {}; }
  std::string_view sessionId() const override { return id; }
  std::string id;
};

// One request of a client, and what it hashes to.
struct Request {
  std::optional<uint64_t> hash(std::vector<HashKey> keys) const {
    PickContext context;
    context.request = &head;
    context.info = &info;
    context.source = &source;
    return HashPolicy(std::move(keys)).hash(context);
  }
  std::optional<uint64_t> hash(Kind kind, std::string name = {}) const {
    return hash({HashKey{.kind = kind, .name = std::move(name)}});
  }
  std::optional<uint64_t> withPath(std::string_view path, Kind kind, std::string name = {}) {
    head.path = path;
    return hash(kind, std::move(name));
  }
  std::optional<uint64_t> withHost(std::string_view host) {
    head.authority = host;
    return hash(Kind::kHost);
  }
  http::RequestHead head;
  http::StreamInfo info;
  network::Address source = address("192.0.2.1:1000");
};

TEST(HashPolicy, TheFirstKeyThatIsThereCounts) {
  Request request;
  request.head.headers.add("x-user", "ann");
  const HashKey cookie{.kind = Kind::kCookie, .name = "session"};
  const HashKey header{.kind = Kind::kHeader, .name = "x-user"};
  const HashKey source{};
  EXPECT_EQ(request.hash({cookie, header, source}), base::hash64("ann"));
  EXPECT_EQ(request.hash({cookie, source}), hashOf(request.source, 32, 64));
  EXPECT_EQ(request.hash({source, header}), hashOf(request.source, 32, 64));
  EXPECT_EQ(request.hash({cookie}), std::nullopt);
  EXPECT_EQ(request.hash(std::vector<HashKey>()), std::nullopt);
  request.head.headers.add(http::HeaderId::kCookie, "session=s1");
  EXPECT_EQ(request.hash({cookie, header, source}), base::hash64("s1"));
}

TEST(HashPolicy, LeadingBitsOfTheAddressCount) {
  const auto hash = [](std::string_view text, uint8_t ipv4_bits, uint8_t ipv6_bits) {
    return hashOf(address(text), ipv4_bits, ipv6_bits);
  };
  EXPECT_EQ(hash("10.1.2.3:1", 24, 64), hash("10.1.2.250:9", 24, 64));
  EXPECT_NE(hash("10.1.2.3:1", 24, 64), hash("10.1.3.3:1", 24, 64));
  EXPECT_EQ(hash("10.1.2.3:1", 20, 64), hash("10.1.15.3:1", 20, 64));
  EXPECT_NE(hash("10.1.2.3:1", 20, 64), hash("10.1.16.3:1", 20, 64));
  EXPECT_NE(hash("10.1.2.3:1", 32, 64), hash("10.1.2.2:1", 32, 64));
  EXPECT_EQ(hash("[2001:db8::1]:1", 32, 64), hash("[2001:db8::2]:1", 32, 64)) << "a /64 is one";
  EXPECT_NE(hash("[2001:db8::1]:1", 32, 64), hash("[2001:db8:0:1::1]:1", 32, 64));
  EXPECT_NE(hash("[2001:db8::1]:1", 32, 128), hash("[2001:db8::2]:1", 32, 128));
  EXPECT_EQ(hash("[::ffff:10.1.2.3]:1", 32, 64), hash("10.1.2.3:1", 32, 64));
  EXPECT_EQ(hash("[::ffff:10.1.2.3]:1", 24, 64), hash("10.1.2.9:1", 24, 64));
}

// Pinned: another value would move the clients of a fleet that is being updated.
TEST(HashPolicy, TheHashIsTheSameForEver) {
  EXPECT_EQ(hashOf(address("192.0.2.1:1"), 32, 64), 11254886845749581567u);
  EXPECT_EQ(hashOf(address("[2001:db8::1]:1"), 32, 64), 16504105464469462041u);
}

TEST(HashPolicy, ClientsOnUnixSocketsHaveNoAddress) {
  Request request;
  request.source = address("unix:/run/x");
  request.info.downstream_direct = &request.source;
  EXPECT_EQ(request.hash(Kind::kSourceAddress), std::nullopt);
  EXPECT_EQ(request.hash(Kind::kFiveTuple), std::nullopt);
  EXPECT_EQ(HashPolicy({HashKey{}}).hash({}), std::nullopt);
  EXPECT_EQ(hashOfClient({}), std::nullopt);
}

TEST(HashPolicy, FiveTupleIsBothEndsOfTheConnection) {
  const HashPolicy policy({HashKey{.kind = Kind::kFiveTuple}});
  EXPECT_TRUE(policy.usesLocal());
  EXPECT_FALSE(HashPolicy({HashKey{}}).usesLocal());
  const auto hash = [&](std::string_view source, std::string_view local) {
    const network::Address from = address(source), to = address(local);
    PickContext context;
    context.source = &from;
    context.local = &to;
    return policy.hash(context);
  };
  const auto one = hash("192.0.2.1:1000", "192.0.2.9:80");
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(hash("192.0.2.1:1000", "192.0.2.9:80"), one);
  EXPECT_EQ(hash("[::ffff:192.0.2.1]:1000", "[::ffff:192.0.2.9]:80"), one);
  EXPECT_NE(hash("192.0.2.1:1001", "192.0.2.9:80"), one);
  EXPECT_NE(hash("192.0.2.2:1000", "192.0.2.9:80"), one);
  EXPECT_NE(hash("192.0.2.1:1000", "192.0.2.9:81"), one);
  EXPECT_NE(hash("192.0.2.1:1000", "192.0.2.8:80"), one);
  // With HTTP it is the connection's own end, whatever X-Forwarded-For said.
  Request request;
  const network::Address proxy = address("192.0.2.1:1000"), local = address("192.0.2.9:80");
  request.source = address("203.0.113.7:0");
  request.info.downstream_direct = &proxy;
  request.info.downstream_local = &local;
  EXPECT_EQ(request.hash(Kind::kFiveTuple), one);
  request.info.downstream_local = nullptr;
  EXPECT_TRUE(request.hash(Kind::kFiveTuple).has_value());
}

TEST(HashPolicy, AllValuesOfAHeaderCount) {
  Request one, two, swapped, other;
  one.head.headers.add("X-User", "ann");
  two.head.headers.add("x-user", "ann");
  two.head.headers.add("x-user", "bob");
  swapped.head.headers.add("x-user", "bob");
  swapped.head.headers.add("x-user", "ann");
  other.head.headers.add("x-use", "ann");
  EXPECT_EQ(one.hash(Kind::kHeader, "x-user"), base::hash64("ann"));
  EXPECT_NE(two.hash(Kind::kHeader, "x-user"), one.hash(Kind::kHeader, "x-user"));
  EXPECT_NE(two.hash(Kind::kHeader, "x-user"), swapped.hash(Kind::kHeader, "x-user"));
  EXPECT_EQ(other.hash(Kind::kHeader, "x-user"), std::nullopt);
}

TEST(HashPolicy, WellKnownHeadersCountTheSame) {
  Request request;
  request.head.headers.add(http::HeaderId::kAuthorization, "Bearer x");
  request.head.headers.add(http::HeaderId::kXForwardedFor, "a");
  request.head.headers.add(http::HeaderId::kXForwardedFor, "b");
  EXPECT_EQ(request.hash(Kind::kHeader, "authorization"), base::hash64("Bearer x"));
  EXPECT_EQ(request.hash(Kind::kHeader, "x-forwarded-for"), base::hash64("b", base::hash64("a")));
  request.head.headers.remove(http::HeaderId::kAuthorization);
  EXPECT_EQ(request.hash(Kind::kHeader, "authorization"), std::nullopt);
}

TEST(HashPolicy, WhatIsEmptyIsNotThere) {
  Request request;
  request.head.headers.add("x-user", "");
  request.head.headers.add(http::HeaderId::kCookie, "a=; b=\"\"");
  EXPECT_EQ(request.hash(Kind::kHeader, "x-user"), std::nullopt);
  EXPECT_EQ(request.hash(Kind::kCookie, "a"), std::nullopt);
  EXPECT_EQ(request.hash(Kind::kCookie, "b"), std::nullopt);
  EXPECT_EQ(request.withPath("/?u=&v", Kind::kQueryParameter, "u"), std::nullopt);
  EXPECT_EQ(request.withPath("/?u=&v", Kind::kQueryParameter, "v"), std::nullopt);
  EXPECT_EQ(request.withPath("", Kind::kPath), std::nullopt) << "CONNECT has none";
  EXPECT_EQ(request.withHost(""), std::nullopt);
  EXPECT_EQ(request.hash(Kind::kTlsSession), std::nullopt);
  EXPECT_EQ(request.hash({HashKey{Kind::kDynamicMetadata, "a", "b"}}), std::nullopt);
}

TEST(HashPolicy, QueryParametersAreDecoded) {
  Request request;
  const auto plain = request.withPath("/x?v=1&user=a-b", Kind::kQueryParameter, "user");
  EXPECT_EQ(plain, base::hash64("a-b"));
  EXPECT_EQ(request.withPath("/y?user=a%2Db&v=2", Kind::kQueryParameter, "user"), plain);
  EXPECT_EQ(request.withPath("/y?us%65r=a%2db#f", Kind::kQueryParameter, "user"), plain);
  EXPECT_EQ(request.withPath("/y?User=a-b", Kind::kQueryParameter, "user"), std::nullopt);
  // Longer than what is hashed at once: each byte counts.
  const std::string longer(1000, 'x');
  const auto long_hash = request.withPath("/?user=" + longer, Kind::kQueryParameter, "user");
  for (const size_t at : {0, 255, 256, 511, 512, 999}) {
    std::string changed = longer;
    changed[at] = 'y';
    const std::string path = "/?user=" + changed;
    EXPECT_NE(request.withPath(path, Kind::kQueryParameter, "user"), long_hash) << at;
  }
}

TEST(HashPolicy, PathIsWithoutQueryAndHostWithoutPort) {
  Request request;
  EXPECT_EQ(request.withPath("/a/b?c", Kind::kPath), base::hash64("/a/b"));
  EXPECT_EQ(request.withPath("/a/b", Kind::kPath), base::hash64("/a/b"));
  EXPECT_NE(request.withPath("/a/B", Kind::kPath), base::hash64("/a/b"));
  EXPECT_EQ(request.withHost("Shop.Example:8080"), base::hash64("shop.example"));
  EXPECT_EQ(request.withHost("shop.example"), base::hash64("shop.example"));
  EXPECT_EQ(request.withHost("[2001:DB8::1]:80"), base::hash64("[2001:db8::1]"));
  EXPECT_EQ(request.withHost("[2001:db8::1]"), base::hash64("[2001:db8::1]"));
}

TEST(HashPolicy, TlsSessionsOfRequestsAndConnections) {
  const Security security("c0ffee"), none("");
  Request request;
  request.info.downstream_tls = &security;
  EXPECT_EQ(request.hash(Kind::kTlsSession), base::hash64("c0ffee"));
  request.info.downstream_tls = &none;
  EXPECT_EQ(request.hash(Kind::kTlsSession), std::nullopt);
  PickContext connection;
  connection.security = &security;
  EXPECT_EQ(HashPolicy({HashKey{.kind = Kind::kTlsSession}}).hash(connection),
            base::hash64("c0ffee"));
}

TEST(HashPolicy, DynamicMetadataOfEachKind) {
  Request request;
  http::DynamicMetadata& metadata = http::dynamicMetadata(request.info, request.head.arena);
  const auto hash = [&](const http::DynamicMetadata::Value& value) {
    EXPECT_TRUE(metadata.set("auth", "tenant", value));
    return request.hash({HashKey{Kind::kDynamicMetadata, "auth", "tenant"}});
  };
  EXPECT_EQ(hash(std::string_view("acme")), base::hash64("acme"));
  EXPECT_EQ(hash(std::string_view()), std::nullopt);
  EXPECT_NE(hash(1.0), hash(2.0));
  EXPECT_EQ(hash(0.0), hash(-0.0));
  EXPECT_NE(hash(true), hash(false));
  const http::MetadataValue list = http::MetadataValue::list({});
  EXPECT_EQ(hash(&list), std::nullopt) << "lists and structs are no key";
  EXPECT_EQ(request.hash({HashKey{Kind::kDynamicMetadata, "auth", "other"}}), std::nullopt);
}

// A connection has no request: keys of requests are passed over.
TEST(HashPolicy, KeysOfRequestsAreNotThereForConnections) {
  const network::Address source = address("192.0.2.1:1000");
  PickContext context;
  context.source = &source;
  for (const Kind kind : {Kind::kHeader, Kind::kCookie, Kind::kQueryParameter, Kind::kPath,
                          Kind::kHost, Kind::kTlsSession, Kind::kDynamicMetadata}) {
    const HashKey key{.kind = kind, .name = "x", .field = "y"};
    EXPECT_EQ(HashPolicy({key}).hash(context), std::nullopt);
    EXPECT_EQ(HashPolicy({key, HashKey{}}).hash(context), hashOf(source, 32, 64));
  }
}

TEST(HashPolicy, WithoutAPolicyTheClientsAddressIsHashed) {
  const network::Address source = address("192.0.2.1:1000");
  PickContext context;
  context.source = &source;
  EXPECT_EQ(hashOfClient(context), hashOf(source, 32, 64));
  const HashPolicy policy({HashKey{.kind = Kind::kCookie, .name = "x"}});
  context.hash_policy = &policy;
  EXPECT_EQ(hashOfClient(context), std::nullopt) << "somebody wanted something else";
}

}  // namespace
}  // namespace weir::upstream
