#include "extensions/clusters/logical_dns/config.h"

#include "test/extensions/clusters/common/config_fixture.h"

namespace weir::extensions::clusters::logical_dns {
namespace {

using ::testing::HasSubstr;

constexpr char kLogical[] = "discovery { config { [clusters/logical_dns] {} } }\n";

class LogicalDnsConfigTest : public ClusterConfigFixture {
 protected:
  LogicalDnsConfigTest() : ClusterConfigFixture(std::make_unique<LogicalDnsExtension>()) {}
};

TEST_F(LogicalDnsConfigTest, OneName) {
  EXPECT_EQ(findings(kLogical + endpoint("web.example:80")), "");
  EXPECT_NE(cluster().membership, nullptr);
  EXPECT_EQ(findings("discovery { config { [clusters/logical_dns] { dns { families: "
                     "FAMILIES_IPV4_PREFERRED } } } }" +
                     endpoint("web.example:80")),
            "");
}

TEST_F(LogicalDnsConfigTest, AndNoMore) {
  EXPECT_EQ(findings(kLogical + endpoint("a.example:80") + endpoint("b.example:80")),
            "w.textproto:2:22: clusters[0].discovery.config: the cluster lists 2 endpoints, and "
            "logical_dns is about one; list one, or use clusters/strict_dns\n");
  EXPECT_THAT(findings(kLogical + endpoint("10.0.0.1:80")),
              HasSubstr("there is nothing to resolve; write a name for its host"));
  EXPECT_THAT(findings(kLogical), HasSubstr("a cluster needs an endpoint"));
}

TEST_F(LogicalDnsConfigTest, SettingsAreChecked) {
  EXPECT_THAT(findings("discovery { config { [clusters/logical_dns] { dns { tries: 9 } } } }" +
                       endpoint("web.example:80")),
              HasSubstr("discovery.config.dns.tries: 9 is out of range"));
}

}  // namespace
}  // namespace weir::extensions::clusters::logical_dns
