#include "source/router/host_index.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::router {
namespace {

HostIndex indexOf(const std::vector<std::string>& domains) {
  HostIndex index;
  for (uint32_t i = 0; i < domains.size(); ++i)
    EXPECT_TRUE(index.add(domains[i], i).ok()) << domains[i];
  return index;
}

TEST(HostIndexTest, MostSpecificDomainWins) {
  const HostIndex index = indexOf({"*", "shop.*", "*.example", "*.shop.example", "shop.example"});
  EXPECT_EQ(index.find("shop.example"), 4u);
  EXPECT_EQ(index.find("a.shop.example"), 3u);
  EXPECT_EQ(index.find("a.b.shop.example"), 3u);
  EXPECT_EQ(index.find("other.example"), 2u);
  EXPECT_EQ(index.find("shop.test"), 1u);
  EXPECT_EQ(index.find("shop.test.org"), 1u);
  EXPECT_EQ(index.find("elsewhere"), 0u);
  EXPECT_EQ(index.find(""), 0u);
}

TEST(HostIndexTest, LongestPrefixWins) {
  const HostIndex index = indexOf({"a.*", "a.b.*", "a.b.c.*"});
  EXPECT_EQ(index.find("a.x"), 0u);
  EXPECT_EQ(index.find("a.b.x"), 1u);
  EXPECT_EQ(index.find("a.b.c.x"), 2u);
  EXPECT_EQ(index.find("a.b.c"), 1u);
  EXPECT_EQ(index.find("a"), HostIndex::kNone);
  EXPECT_EQ(index.find("ab.x"), HostIndex::kNone);
  EXPECT_EQ(index.find("a."), HostIndex::kNone);
}

TEST(HostIndexTest, AWildcardStandsForWholeLabels) {
  const HostIndex index = indexOf({"*.shop.example"});
  EXPECT_EQ(index.find("shop.example"), HostIndex::kNone);
  EXPECT_EQ(index.find(".shop.example"), HostIndex::kNone);
  EXPECT_EQ(index.find("workshop.example"), HostIndex::kNone);
  EXPECT_EQ(index.find("x.shop.example"), 0u);
}

TEST(HostIndexTest, CaseAndOneTrailingDotDoNotMatter) {
  const HostIndex index = indexOf({"Shop.Example", "*.Shop.Example"});
  EXPECT_EQ(index.find("sHOP.eXAMPLE"), 0u);
  EXPECT_EQ(index.find("shop.example."), 0u);
  EXPECT_EQ(index.find("shop.example.:80"), 0u);
  EXPECT_EQ(index.find("A.shop.example."), 1u);
  EXPECT_EQ(index.find("shop.example.."), HostIndex::kNone);
}

TEST(HostIndexTest, PortsMatterOnlyToDomainsThatHaveOne) {
  const HostIndex index =
      indexOf({"shop.example", "shop.example:8443", "*.shop.example:81", "*.shop.example"});
  EXPECT_EQ(index.find("shop.example"), 0u);
  EXPECT_EQ(index.find("shop.example:80"), 0u);
  EXPECT_EQ(index.find("shop.example:8443"), 1u);
  EXPECT_EQ(index.find("shop.example.:8443"), 1u);
  EXPECT_EQ(index.find("a.shop.example:81"), 2u);
  EXPECT_EQ(index.find("a.shop.example:82"), 3u);
}

TEST(HostIndexTest, Ipv6Literals) {
  const HostIndex index = indexOf({"[::1]", "[2001:DB8::1]:443"});
  EXPECT_EQ(index.find("[::1]"), 0u);
  EXPECT_EQ(index.find("[::1]:8080"), 0u);
  EXPECT_EQ(index.find("[2001:db8::1]:443"), 1u);
  EXPECT_EQ(index.find("[2001:db8::1]"), HostIndex::kNone);
}

TEST(HostIndexTest, HostsLongerThanAnyDomainGoToTheDefault) {
  const HostIndex index = indexOf({"*", "*.example"});
  EXPECT_EQ(index.find(std::string(300, 'a') + ".example"), 0u);
  EXPECT_EQ(index.find(std::string(253, 'a') + ".example"), 1u);
}

TEST(HostIndexTest, BadDomainsAreRefused) {
  for (const char* domain : {"",
                             "*.",
                             "a*.example",
                             "*.*",
                             "a.*.b",
                             "shop.example.",
                             "shop..example",
                             "http://shop",
                             "shop/x",
                             "a b",
                             "shop:0",
                             "shop:",
                             "shop:99999",
                             "shop:http",
                             "shop.*:80",
                             "[::1",
                             "[]",
                             "[zz::]",
                             "*:80",
                             "sh\xc3\xb6p"}) {
    HostIndex index;
    EXPECT_FALSE(index.add(domain, 0).ok()) << domain;
  }
}

TEST(HostIndexTest, DomainsAreTakenOnce) {
  for (const char* domain : {"*", "shop.example", "*.shop.example", "shop.*", "shop.example:80"}) {
    HostIndex index;
    EXPECT_TRUE(index.add(domain, 0).ok());
    const absl::Status again = index.add(domain, 1);
    EXPECT_THAT(std::string(again.message()), testing::HasSubstr("twice"));
  }
}

}  // namespace
}  // namespace weir::router
