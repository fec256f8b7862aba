#include "extensions/http_filters/ip_filter/ip_filter.h"

#include <cstdio>
#include <fstream>

#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/access/access_proxy.h"

namespace weir::extensions::http_filters::ip_filter {
namespace {

std::string from(const std::string& address) {
  return "X-Forwarded-For: " + address + "\r\n";
}

TEST(IpFilter, TheLongestPrefixDecides) {
  AccessProxy proxy(R"([http_filters/ip_filter] {
    deny: "10.0.0.0/8" allow: "10.1.0.0/16" deny: "10.1.2.3" deny: "2001:db8::/32"
    default_action: ACTION_ALLOW body: "not from here\n" })");
  struct Case {
    const char* address;
    int status;
  };
  for (const Case& one :
       {Case{"10.2.0.1", 403}, Case{"10.1.0.1", 200}, Case{"10.1.2.3", 403}, Case{"11.0.0.1", 200},
        Case{"2001:db8::7", 403}, Case{"2001:db9::7", 200}, Case{"::ffff:10.2.0.1", 403}}) {
    EXPECT_EQ(proxy.status("/", from(one.address)), one.status) << one.address;
  }
  EXPECT_EQ(proxy.ask("/", from("10.2.0.1")).body, "not from here\n");
  EXPECT_EQ(proxy->stat("ip_filter_denied_total", {{"filter", "edge"}}), 5);
  EXPECT_EQ(proxy->stat("ip_filter_allowed_total", {{"filter", "edge"}}), 3);
}

TEST(IpFilter, AListToAllowDeniesTheRest) {
  AccessProxy proxy(R"([http_filters/ip_filter] { allow: "192.0.2.0/24" status: 404 })");
  EXPECT_EQ(proxy.status("/", from("192.0.2.9")), 200);
  EXPECT_EQ(proxy.status("/", from("192.0.3.9")), 404);
}

TEST(IpFilter, RoutesHaveListsOfTheirOwnOrNone) {
  AccessProxy proxy(R"([http_filters/ip_filter] { deny: "192.0.2.0/24" })", R"(
      routes { match { prefix: "/open" } route { cluster: "origin" }
               filters { name: "ip_filter" disabled: true } }
      routes { match { prefix: "/peer" } route { cluster: "origin" }
               filters { name: "ip_filter" config { [http_filters/ip_filter] {
                 deny: "127.0.0.0/8" address: ADDRESS_DIRECT_PEER } } } }
      routes { match { prefix: "/shadow" } route { cluster: "origin" }
               filters { name: "ip_filter" config { [http_filters/ip_filter] {
                 deny: "192.0.2.0/24" shadow: true } } } }
      routes { route { cluster: "origin" } })");
  EXPECT_EQ(proxy.status("/", from("192.0.2.1")), 403);
  EXPECT_EQ(proxy.status("/open", from("192.0.2.1")), 200);
  EXPECT_EQ(proxy.status("/peer", from("203.0.113.1")), 403);
  EXPECT_EQ(proxy.status("/shadow", from("192.0.2.1")), 200);
  EXPECT_EQ(proxy->stat("ip_filter_shadow_denied_total", {{"filter", "edge"}}), 1);
}

TEST(IpFilter, FollowsItsFiles) {
  const std::string path = ::testing::TempDir() + "/deny.list";
  const auto write = [&](const std::string& text) {
    std::ofstream(path + ".new") << text;
    std::rename((path + ".new").c_str(), path.c_str());
  };
  const auto reloaded = [](const char* result) {
    return stats::Labels{{"filter", "edge"}, {"result", result}};
  };
  write("192.0.2.0/24\n");
  AccessProxy proxy("[http_filters/ip_filter] { deny_files: \"" + path + "\" }");
  EXPECT_EQ(proxy.status("/", from("192.0.2.1")), 403);
  write("# nobody\n198.51.100.0/24\n");
  ASSERT_TRUE(proxy->waitForStat("ip_filter_reloads_total", 1, reloaded("accepted")));
  EXPECT_EQ(proxy.status("/", from("192.0.2.1")), 200);
  EXPECT_EQ(proxy.status("/", from("198.51.100.1")), 403);
  write("not an address\n");
  ASSERT_TRUE(proxy->waitForStat("ip_filter_reloads_total", 1, reloaded("refused")));
  EXPECT_EQ(proxy.status("/", from("198.51.100.1")), 403);
}

}  // namespace
}  // namespace weir::extensions::http_filters::ip_filter
