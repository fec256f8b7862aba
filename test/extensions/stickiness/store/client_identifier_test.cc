#include "extensions/stickiness/store/client_identifier.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "source/http/dynamic_metadata.h"
#include "source/http/message.h"
#include "source/http/stream_info.h"
#include "source/network/transport_socket.h"

namespace weir::extensions::stickiness::store {
namespace {

using upstream::HashKey;
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

// One request of a client, and what it is known by; "-" for nothing.
struct Request {
  std::string find(std::vector<HashKey> keys) {
    upstream::PickContext context;
    context.request = &head;
    context.info = &info;
    context.source = &source;
    const auto text = ClientIdentifier(std::move(keys)).find(context, room);
    return text ? std::string(*text) : "-";
  }
  std::string find(Kind kind, std::string name = {}) {
    return find({HashKey{.kind = kind, .name = std::move(name)}});
  }
  std::string learn(std::vector<HashKey> keys) {
    const auto text = ClientIdentifier(std::move(keys)).learn(head.headers, room);
    return text ? std::string(*text) : "-";
  }
  http::RequestHead head;
  http::StreamInfo info;
  network::Address source = address("192.0.2.1:1000");
  ClientIdentifier::Room room;
};

TEST(ClientIdentifierTest, IsTheTextOfWhatIsThere) {
  Request request;
  request.head.path = "/shop/42?id=a%20b&empty=&x=1";
  request.head.authority = "Shop.Example:8080";
  request.head.headers.add("X-User", "ann");
  request.head.headers.add("X-User", "bob");
  request.head.headers.add("X-Empty", "");
  request.head.headers.add("Cookie", "a=1; session=s-7; none=");
  EXPECT_EQ(request.find(Kind::kHeader, "x-user"), "ann,bob");
  EXPECT_EQ(request.find(Kind::kHeader, "x-empty"), "-");
  EXPECT_EQ(request.find(Kind::kHeader, "x-none"), "-");
  EXPECT_EQ(request.find(Kind::kCookie, "session"), "s-7");
  EXPECT_EQ(request.find(Kind::kCookie, "none"), "-");
  EXPECT_EQ(request.find(Kind::kQueryParameter, "id"), "a b");
  EXPECT_EQ(request.find(Kind::kQueryParameter, "empty"), "-");
  EXPECT_EQ(request.find(Kind::kPath), "/shop/42");
  EXPECT_EQ(request.find(Kind::kHost), "shop.example");
  EXPECT_EQ(request.find(Kind::kSourceAddress), "192.0.2.1");
  EXPECT_EQ(request.find(Kind::kTlsSession), "-");
  const Security security("c0ffee");
  request.info.downstream_tls = &security;
  EXPECT_EQ(request.find(Kind::kTlsSession), "c0ffee");
}

TEST(ClientIdentifierTest, TheFirstOfTheKeysCounts) {
  Request request;
  const std::vector<HashKey> keys = {{.kind = Kind::kCookie, .name = "session"},
                                     {.kind = Kind::kHeader, .name = "x-user"},
                                     {.kind = Kind::kSourceAddress}};
  EXPECT_EQ(request.find(keys), "192.0.2.1");
  request.head.headers.add("x-user", "ann");
  EXPECT_EQ(request.find(keys), "ann");
  request.head.headers.add("cookie", "session=7");
  EXPECT_EQ(request.find(keys), "7");
  request.source = address("unix:/tmp/x");
  EXPECT_EQ(request.find(Kind::kSourceAddress), "-");
}

TEST(ClientIdentifierTest, AddressesAreNetworks) {
  Request request;
  const HashKey key{.kind = Kind::kSourceAddress, .ipv4_bits = 20, .ipv6_bits = 64};
  request.source = address("10.1.255.7:80");
  EXPECT_EQ(request.find({key}), "10.1.240.0");
  request.source = address("[::ffff:10.1.255.7]:80");
  EXPECT_EQ(request.find({key}), "10.1.240.0");
  request.source = address("[2001:db8:1:2:3:4:5:6]:80");
  EXPECT_EQ(request.find({key}), "2001:db8:1:2::");
}

TEST(ClientIdentifierTest, LongTextsAreHashed) {
  Request request;
  const auto withCookie = [&](const std::string& value) {
    Request other;
    other.head.headers.add("cookie", "session=" + value);
    return other.find(Kind::kCookie, "session");
  };
  const std::string longest(64, 'a');
  EXPECT_EQ(withCookie(longest), longest);
  const std::string hashed = withCookie(longest + "a");
  EXPECT_EQ(hashed.size(), 36u);
  EXPECT_EQ(hashed.substr(0, 4), "xxh:");
  EXPECT_NE(withCookie(longest + "b"), hashed);
  EXPECT_NE(withCookie("b" + longest), hashed);
  EXPECT_EQ(withCookie(longest + "a"), hashed);
  EXPECT_EQ(withCookie(std::string(100'000, 'x')).size(), 36u);
  EXPECT_NE(withCookie(std::string(128, 'a')), withCookie(std::string(192, 'a')));
}

TEST(ClientIdentifierTest, MetadataOfAnyKind) {
  Request request;
  const HashKey key{.kind = Kind::kDynamicMetadata, .name = "auth", .field = "user"};
  EXPECT_EQ(request.find({key}), "-");
  http::DynamicMetadata& metadata = http::dynamicMetadata(request.info, request.head.arena);
  EXPECT_EQ(request.find({key}), "-");
  EXPECT_TRUE(metadata.set("auth", "user", std::string_view("ann")));
  EXPECT_EQ(request.find({key}), "ann");
  EXPECT_TRUE(metadata.set("auth", "user", true));
  EXPECT_EQ(request.find({key}), "true");
  EXPECT_TRUE(metadata.set("auth", "user", 42.5));
  EXPECT_EQ(request.find({key}), "42.5");
}

TEST(ClientIdentifierTest, LearnsWhatAnAnswerSays) {
  Request request;
  const std::vector<HashKey> keys = {{.kind = Kind::kCookie, .name = "session"},
                                     {.kind = Kind::kHeader, .name = "x-session"},
                                     {.kind = Kind::kSourceAddress}};
  EXPECT_EQ(request.learn(keys), "-");
  request.head.headers.add("X-Session", "9");
  EXPECT_EQ(request.learn(keys), "9");
  request.head.headers.add("Set-Cookie", "other=1");
  request.head.headers.add("Set-Cookie", "session=s-9; Path=/; HttpOnly");
  EXPECT_EQ(request.learn(keys), "s-9");
}

TEST(ClientIdentifierTest, ConnectionsHaveAddressesAndSessions) {
  const auto serves = [](Kind kind) {
    return ClientIdentifier({{.kind = Kind::kCookie, .name = "a"}, {.kind = kind}})
        .servesConnections();
  };
  EXPECT_TRUE(serves(Kind::kSourceAddress));
  EXPECT_TRUE(serves(Kind::kTlsSession));
  EXPECT_FALSE(serves(Kind::kHeader));
  upstream::PickContext connection;
  const network::Address source = address("192.0.2.9:1");
  const Security security("beef");
  connection.source = &source;
  connection.security = &security;
  ClientIdentifier::Room room;
  EXPECT_EQ(ClientIdentifier({{.kind = Kind::kHeader, .name = "a"}, {.kind = Kind::kTlsSession}})
                .find(connection, room),
            "beef");
  EXPECT_EQ(ClientIdentifier({{.kind = Kind::kPath}, {.kind = Kind::kSourceAddress}})
                .find(connection, room),
            "192.0.2.9");
}

}  // namespace
}  // namespace weir::extensions::stickiness::store
