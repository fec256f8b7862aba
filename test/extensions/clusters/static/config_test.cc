#include "extensions/clusters/static/config.h"

#include "test/extensions/clusters/common/config_fixture.h"

// NOLINTNEXTLINE(readability-identifier-naming): "static" is a keyword
namespace weir::extensions::clusters::static_ {
namespace {

using ::testing::HasSubstr;

constexpr char kStatic[] = "discovery { config { [clusters/static] {} } }\n";

class StaticConfigTest : public ClusterConfigFixture {
 protected:
  StaticConfigTest() : ClusterConfigFixture(std::make_unique<StaticExtension>()) {}
};

TEST_F(StaticConfigTest, MembersAreTheListedOnes) {
  for (const char* discovery : {"", kStatic}) {
    ASSERT_EQ(findings(base::concat(discovery, endpoint("10.0.0.1:80"), endpoint("[::1]:81"))), "");
    ASSERT_EQ(cluster().hosts->hosts.size(), 2u);
    EXPECT_EQ(cluster().hosts->hosts[1].endpoint->address.toString(), "[::1]:81");
    EXPECT_EQ(cluster().membership, nullptr);
  }
}

TEST_F(StaticConfigTest, TakesNoNames) {
  for (const char* discovery : {"\n", kStatic}) {
    EXPECT_EQ(findings(base::concat(discovery, endpoint("web.example:80"))),
              "w.textproto:3:22: clusters[0].endpoints[0].address: \"web.example\" is a name, and "
              "an address is needed here; write an IP address, or have names resolved: discovery { "
              "config { [clusters/strict_dns] {} } }\n");
  }
}

TEST_F(StaticConfigTest, NeedsEndpointsAndBalancesThem) {
  EXPECT_THAT(findings(kStatic), HasSubstr("a cluster needs an endpoint"));
  EXPECT_EQ(findings(base::concat(kStatic, endpoint("10.0.0.1:80"),
                                  "load_balancing { config { [load_balancing/round_robin] {} } }")),
            "");
}

}  // namespace
}  // namespace weir::extensions::clusters::static_
