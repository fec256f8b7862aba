#include "source/network/address.h"

#include <arpa/inet.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::network {
namespace {

using ::testing::HasSubstr;

Address parsed(std::string_view text) {
  auto address = Address::parse(text);
  EXPECT_TRUE(address.ok()) << text << ": " << address.status();
  return address.ok() ? *address : Address();
}

TEST(AddressTest, IsSmall) {
  EXPECT_EQ(sizeof(Address), 32u);
}

TEST(AddressTest, ParsesWhatItWrites) {
  for (const char* text :
       {"127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:443", "[::]:0",
        "[2001:db8::1:2]:8080", "[::ffff:10.0.0.1]:1", "unix:/run/weir.sock", "unix:@weir"}) {
    EXPECT_EQ(parsed(text).toString(), text);
  }
}

TEST(AddressTest, RefusesWithReason) {
  const struct {
    const char* text;
    const char* reason;
  } cases[] = {
      {"", "is empty"},
      {"127.0.0.1", "has no port"},
      {"localhost:80", "not an IP address"},
      {"127.0.0.1:", "port is not a number"},
      {"127.0.0.1:65536", "port is not a number"},
      {"127.0.0.1:-1", "port is not a number"},
      {"127.0.0.1: 80", "port is not a number"},
      {"127.0.0.1:0x50", "port is not a number"},
      {"127.0.0.1:000080", "port is not a number"},
      {" 127.0.0.1:80", "not an IP address"},
      {"127.0.0:80", "not an IP address"},
      {"127.0.0.256:80", "not an IP address"},
      {":80", "not an IP address"},
      {"::1:80", "needs brackets"},
      {"[::1]", "has no port behind"},
      {"[::1:80", "has no port behind"},
      {"[127.0.0.1]:80", "not an IPv6 address"},
      {"[::g]:80", "not an IPv6 address"},
      {"unix:", "has no path"},
      {"unix:@", "has no path"},
      {"unix:relative.sock", "relative"},
  };
  for (const auto& c : cases) {
    const auto address = Address::parse(c.text);
    ASSERT_FALSE(address.ok()) << c.text;
    EXPECT_THAT(std::string(address.status().message()), HasSubstr(c.reason)) << c.text;
    EXPECT_THAT(std::string(address.status().message()), HasSubstr("; ")) << "no remedy";
  }
  EXPECT_FALSE(Address::parse("127.0.0.1:0", /*allow_port_zero=*/false).ok());
  EXPECT_FALSE(Address::parse("unix:/" + std::string(200, 'x')).ok());
  EXPECT_FALSE(Address::parse(std::string_view("unix:/a\0b", 9)).ok());
  EXPECT_FALSE(Address::parse(std::string_view("1.2.3.4\0:80", 11)).ok());
}

TEST(AddressTest, KnowsItsParts) {
  EXPECT_EQ(parsed("[::1]:443").port(), 443);
  EXPECT_EQ(parsed("[::1]:443").ip(), "::1");
  EXPECT_EQ(parsed("10.1.2.3:5").ip(), "10.1.2.3");
  EXPECT_EQ(parsed("unix:/x").port(), 0);
  EXPECT_EQ(parsed("unix:/x").ip(), "");
  EXPECT_TRUE(parsed("127.9.9.9:1").isLoopback());
  EXPECT_TRUE(parsed("[::1]:1").isLoopback());
  EXPECT_TRUE(parsed("[::ffff:127.0.0.1]:1").isLoopback());
  EXPECT_TRUE(parsed("unix:/x").isLoopback());
  EXPECT_FALSE(parsed("128.0.0.1:1").isLoopback());
  EXPECT_FALSE(Address().isLoopback());
  EXPECT_TRUE(parsed("0.0.0.0:1").isWildcard());
  EXPECT_TRUE(parsed("[::]:1").isWildcard());
  EXPECT_FALSE(parsed("[::1]:1").isWildcard());
  EXPECT_EQ(parsed("1.2.3.4:5").withPort(6).toString(), "1.2.3.4:6");
  EXPECT_EQ(Address().family(), Address::Family::kNone);
  EXPECT_EQ(Address().toString(), "");
}

TEST(AddressTest, CopiesMovesAndCompares) {
  for (const char* text : {"1.2.3.4:5", "[::1]:5", "unix:/a", "unix:@a"}) {
    const Address first = parsed(text);
    Address copy = first;
    EXPECT_EQ(copy, first);
    Address moved = std::move(copy);
    EXPECT_EQ(moved, first);
    moved = moved.withPort(7);
    moved = first;
    Address& self = moved;
    moved = self;
    EXPECT_EQ(moved.toString(), text);
    EXPECT_EQ(Address::fromSockaddr(first.data(), first.length()), first);
  }
  EXPECT_FALSE(parsed("1.2.3.4:5") == parsed("1.2.3.4:6"));
  EXPECT_FALSE(parsed("1.2.3.4:5") == parsed("[::ffff:1.2.3.4]:5"));
  EXPECT_FALSE(parsed("unix:/a") == parsed("unix:/b"));
}

TEST(AddressTest, SurvivesShortKernelAnswers) {
  const Address v6 = parsed("[::1]:1");
  for (socklen_t length = 0; length < v6.length(); ++length) {
    EXPECT_EQ(Address::fromSockaddr(v6.data(), length).family(), Address::Family::kNone);
  }
  // The peer of an unbound unix socket has only a family.
  sockaddr_un unnamed{};
  unnamed.sun_family = AF_UNIX;
  const auto address =
      Address::fromSockaddr(reinterpret_cast<sockaddr*>(&unnamed), sizeof(sa_family_t));
  EXPECT_EQ(address.family(), Address::Family::kUnix);
  EXPECT_EQ(address.toString(), "unix:");
}

TEST(AddressTest, RoundTripsAnyAddress) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = static_cast<in_port_t>(random());
    for (auto& byte : v6.sin6_addr.s6_addr) {
      byte = random() % 3 == 0 ? static_cast<uint8_t>(random()) : 0;
    }
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = static_cast<in_port_t>(random());
    v4.sin_addr.s_addr = static_cast<uint32_t>(random());
    const Address a = Address::fromSockaddr(reinterpret_cast<sockaddr*>(&v6), sizeof v6);
    const Address b = Address::fromSockaddr(reinterpret_cast<sockaddr*>(&v4), sizeof v4);
    EXPECT_EQ(parsed(a.toString()), a);
    EXPECT_EQ(parsed(b.toString()), b);
  }
}

TEST(PrefixTest, ParsesAndRefuses) {
  for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "::/0", "fd00::/8", "1.2.3.4/32"}) {
    const auto prefix = Prefix::parse(text);
    ASSERT_TRUE(prefix.ok()) << prefix.status();
    EXPECT_EQ(prefix->toString(), text);
  }
  EXPECT_EQ(Prefix::parse("1.2.3.4")->toString(), "1.2.3.4/32");
  EXPECT_EQ(Prefix::parse("::1")->length(), 128);
  EXPECT_EQ(Prefix::parse("::ffff:10.0.0.0/104")->toString(), "10.0.0.0/8");
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "x/8",
                           "10.0.0.1/8", "10.0.0.0/8/8", "fd00::1/64"}) {
    EXPECT_FALSE(Prefix::parse(text).ok()) << text;
  }
}

TEST(PrefixTest, MappedAddressesCountAsIpv4) {
  const Prefix ten = *Prefix::parse("10.0.0.0/8");
  EXPECT_TRUE(ten.contains(parsed("10.255.0.1:9")));
  EXPECT_TRUE(ten.contains(parsed("[::ffff:10.255.0.1]:9")));
  EXPECT_FALSE(ten.contains(parsed("[::ffff:11.0.0.1]:9")));
  EXPECT_FALSE(ten.contains(parsed("unix:/x")));
  EXPECT_FALSE(Prefix::parse("::/0")->contains(parsed("10.0.0.1:9")));
  EXPECT_FALSE(Prefix::parse("::/0")->contains(parsed("[::ffff:10.0.0.1]:9")));
}

// Oracle: bit by bit.
bool containsSlowly(uint32_t network, int length, uint32_t address) {
  for (int bit = 0; bit < length; ++bit) {
    const uint32_t mask = 1u << (31 - bit);
    if ((network & mask) != (address & mask)) return false;
  }
  return true;
}

TEST(PrefixTest, AgreesWithTheOracle) {
  std::mt19937 random(11);
  for (int i = 0; i < 5000; ++i) {
    const int length = static_cast<int>(random() % 33);
    const uint32_t mask = length == 0 ? 0 : ~0u << (32 - length);
    const uint32_t network = static_cast<uint32_t>(random()) & mask;
    const uint32_t address = network ^ (random() % 2 ? 1u << (random() % 32) : 0);
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(network);
    const Address base = Address::fromSockaddr(reinterpret_cast<sockaddr*>(&v4), sizeof v4);
    const Prefix prefix = *Prefix::parse(base.ip() + "/" + std::to_string(length));
    v4.sin_addr.s_addr = htonl(address);
    const Address asked = Address::fromSockaddr(reinterpret_cast<sockaddr*>(&v4), sizeof v4);
    EXPECT_EQ(prefix.contains(asked), containsSlowly(network, length, address))
        << prefix.toString() << " " << asked.ip();
  }
}

}  // namespace
}  // namespace weir::network
