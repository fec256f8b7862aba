#include "source/network/cidr_set.h"

#include <arpa/inet.h>

#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/concat.h"

namespace weir::network {
namespace {

Prefix prefix(const std::string& text) {
  return *Prefix::parse(text);
}
Address address(const std::string& ip) {
  return *Address::parse(ip.find(':') == std::string::npos ? ip + ":1" : "[" + ip + "]:1");
}

// The longest prefix that contains it, the first of equals: by looking at all.
uint32_t naive(const std::vector<CidrSet::Entry>& entries, const Address& address) {
  uint32_t best = CidrSet::kNone;
  int length = -1;
  for (const CidrSet::Entry& entry : entries) {
    if (entry.prefix.length() > length && entry.prefix.contains(address)) {
      best = entry.value;
      length = entry.prefix.length();
    }
  }
  return best;
}

TEST(CidrSet, EmptyFindsNothing) {
  const CidrSet set;
  EXPECT_TRUE(set.empty());
  EXPECT_FALSE(set.contains(address("10.0.0.1")));
  EXPECT_FALSE(set.contains(address("::1")));
  EXPECT_FALSE(CidrSet(std::vector<Prefix>()).contains(address("::1")));
}

TEST(CidrSet, TheLongestDecides) {
  const CidrSet set(std::vector<CidrSet::Entry>{{prefix("10.0.0.0/8"), 1},
                                                {prefix("10.1.0.0/16"), 2},
                                                {prefix("10.1.2.3"), 3},
                                                {prefix("2001:db8::/32"), 4},
                                                {prefix("2001:db8::1"), 5},
                                                {prefix("10.0.0.0/8"), 6}});
  EXPECT_EQ(set.size(), 5u);
  EXPECT_EQ(set.find(address("10.2.0.1")), 1u);
  EXPECT_EQ(set.find(address("10.1.0.1")), 2u);
  EXPECT_EQ(set.find(address("10.1.2.3")), 3u);
  EXPECT_EQ(set.find(address("10.1.2.4")), 2u);
  EXPECT_EQ(set.find(address("11.0.0.0")), CidrSet::kNone);
  EXPECT_EQ(set.find(address("2001:db8::2")), 4u);
  EXPECT_EQ(set.find(address("2001:db8::1")), 5u);
  EXPECT_EQ(set.find(address("2001:db9::1")), CidrSet::kNone);
}

TEST(CidrSet, MappedAddressesAreIpv4) {
  const CidrSet v4(std::vector<Prefix>{prefix("10.0.0.0/8")});
  EXPECT_TRUE(v4.contains(address("::ffff:10.1.2.3")));
  EXPECT_FALSE(v4.contains(address("::ffff:11.1.2.3")));
  EXPECT_TRUE(
      CidrSet(std::vector<Prefix>{prefix("::ffff:10.0.0.0/104")}).contains(address("10.9.9.9")));
  const CidrSet all_v6(std::vector<Prefix>{prefix("::/0")});
  EXPECT_TRUE(all_v6.contains(address("fe80::1")));
  EXPECT_FALSE(all_v6.contains(address("10.0.0.1")));
}

TEST(CidrSet, OtherAddressesAreInNone) {
  const CidrSet set(std::vector<Prefix>{prefix("0.0.0.0/0"), prefix("::/0")});
  EXPECT_TRUE(set.contains(address("255.255.255.255")));
  EXPECT_FALSE(set.contains(*Address::parse("unix:/run/x")));
  EXPECT_FALSE(set.contains(Address()));
}

// Few distinct bits, so that prefixes lie in each other; every length.
std::string randomIp(std::mt19937& random, bool v4) {
  const auto byte = [&] { return random() % 4 == 0 ? random() % 256 : random() % 2 * 128; };
  std::string text;
  if (v4) return base::concat(byte(), ".", byte(), ".", byte(), ".", byte());
  for (int i = 0; i < 8; ++i) {
    char group[8];
    snprintf(group, sizeof group, "%s%02x%02x", i == 0 ? "" : ":", static_cast<unsigned>(byte()),
             static_cast<unsigned>(byte()));
    text += group;
  }
  return text;
}

// With the bits behind the length cleared.
Prefix randomPrefix(std::mt19937& random) {
  const bool v4 = random() % 2 == 0;
  const Address whole = address(randomIp(random, v4));
  const unsigned length = random() % (v4 ? 33 : 129);
  uint8_t bits[16] = {};
  std::memcpy(
      bits,
      v4 ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(whole.data())->sin_addr)
         : &reinterpret_cast<const sockaddr_in6*>(whole.data())->sin6_addr,
      v4 ? 4 : 16);
  for (unsigned bit = length; bit < (v4 ? 32u : 128u); ++bit) {
    bits[bit / 8] &= static_cast<uint8_t>(~(0x80u >> (bit % 8)));
  }
  char text[INET6_ADDRSTRLEN];
  inet_ntop(v4 ? AF_INET : AF_INET6, bits, text, sizeof text);
  return prefix(base::concat(text, "/", length));
}

TEST(CidrSet, FindsWhatLookingAtAllFinds) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<CidrSet::Entry> entries;
    const size_t count = random() % 60;
    for (uint32_t i = 0; i < count; ++i) entries.push_back({randomPrefix(random), i});
    const CidrSet set(entries);
    for (int i = 0; i < 200; ++i) {
      const Address probe = address(randomIp(random, random() % 2 == 0));
      ASSERT_EQ(set.find(probe), naive(entries, probe)) << round << " " << probe.toString();
    }
    for (const CidrSet::Entry& entry : entries) {
      std::string text = entry.prefix.toString();
      const Address probe = address(text.substr(0, text.find('/')));
      ASSERT_EQ(set.find(probe), naive(entries, probe)) << round << " " << text;
    }
  }
}

TEST(CidrSet, ManyPrefixesStayCompact) {
  std::mt19937 random(8);
  std::vector<CidrSet::Entry> entries;
  for (uint32_t i = 0; i < 20'000; ++i) {
    char v6[40];
    snprintf(v6, sizeof v6, "2001:db8:%x::%x", i, static_cast<unsigned>(1 + random() % 9000));
    const std::string v4 =
        base::concat(random() % 224, ".", random() % 256, ".", random() % 256, ".0/24");
    const std::string text = i % 2 == 0 ? v4 : v6;
    entries.push_back({prefix(text), i});
  }
  const CidrSet set(entries);
  EXPECT_LT(set.memoryBytes(), entries.size() * 120);
  for (uint32_t i = 0; i < entries.size(); i += 97) {
    const std::string text = entries[i].prefix.toString();
    const Address probe = address(text.substr(0, text.find('/')));
    ASSERT_EQ(set.find(probe), naive(entries, probe)) << text;
  }
}

}  // namespace
}  // namespace weir::network
