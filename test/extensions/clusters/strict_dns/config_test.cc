#include "extensions/clusters/strict_dns/config.h"

#include "test/extensions/clusters/common/config_fixture.h"

namespace weir::extensions::clusters::strict_dns {
namespace {

using ::testing::HasSubstr;

class StrictDnsConfigTest : public ClusterConfigFixture {
 protected:
  StrictDnsConfigTest() : ClusterConfigFixture(std::make_unique<StrictDnsExtension>()) {}
  // With the fields of `dns` on line 2, its endpoints from line 3.
  static std::string strict(std::string_view dns, std::string_view endpoints) {
    return base::concat("discovery { config { [clusters/strict_dns] { dns { ", dns, " } } } }\n",
                        endpoints);
  }
  std::string dnsFindings(std::string_view dns) {
    return findings(strict(dns, endpoint("web.example:80")));
  }
};

TEST_F(StrictDnsConfigTest, TakesNamesAndAddresses) {
  EXPECT_EQ(findings(strict("", endpoint("web.example:80") + endpoint("10.0.0.1:80") +
                                    endpoint("[::1]:80") + endpoint("unix:/run/web"))),
            "");
  EXPECT_NE(cluster().membership, nullptr);
  EXPECT_TRUE(cluster().hosts->hosts.empty());
}

TEST_F(StrictDnsConfigTest, AllFields) {
  EXPECT_EQ(dnsFindings("servers: \"10.0.0.53\" servers: \"10.0.0.53:5353\" servers: \"fd00::53\" "
                        "servers: \"[fd00::53]\" servers: \"[fd00::53]:5353\" "
                        "timeout { nanos: 10000000 } tries: 5 families: FAMILIES_ALL "
                        "min_ttl { nanos: 100000000 } max_ttl { seconds: 1 } "
                        "retry { nanos: 100000000 } max_retry { seconds: 1 } "
                        "when_gone: WHEN_GONE_EMPTY"),
            "");
}

TEST_F(StrictDnsConfigTest, NamesAreChecked) {
  EXPECT_EQ(findings(strict("", endpoint("web..example:80"))),
            "w.textproto:3:22: clusters[0].endpoints[0].address: \"web..example\" is no host name: "
            "a label is empty; write one dot between labels\n");
  EXPECT_THAT(findings(strict("", endpoint(std::string(64, 'a') + ".example:80"))),
              HasSubstr("a label has 64 characters"));
  EXPECT_THAT(findings(strict("", endpoint("we b:80"))), HasSubstr("is no host name"));
  EXPECT_THAT(findings(strict("", endpoint("web.example"))), HasSubstr("has no port"));
  EXPECT_THAT(findings(strict("", endpoint("web.example:0"))), HasSubstr("port"));
  EXPECT_THAT(findings(strict("", endpoint("web.example:65536"))), HasSubstr("port"));
  EXPECT_THAT(findings(strict("", endpoint("10.0.0.256:80"))), HasSubstr("not an IP address"));
  EXPECT_THAT(findings(strict("", endpoint("fd00::1:80"))), HasSubstr("needs brackets"));
}

TEST_F(StrictDnsConfigTest, EntriesAreChecked) {
  EXPECT_THAT(findings(strict("", "")), HasSubstr("a cluster needs an endpoint"));
  EXPECT_THAT(findings(strict("", endpoint("web.example:80") + endpoint("web.example:80"))),
              HasSubstr("w.textproto:4:22: clusters[0].endpoints[1].address"));
  EXPECT_EQ(findings(strict("", endpoint("web.example:80") + endpoint("web.example:81"))), "");
  EXPECT_THAT(findings(strict("", "endpoints { address: \"web.example:80\" weight: 0 }")),
              HasSubstr("weight 0"));
}

TEST_F(StrictDnsConfigTest, SettingsAreChecked) {
  const auto at = [](std::string_view field) {
    return HasSubstr(base::concat("clusters[0].discovery.config.dns.", field));
  };
  for (const char* server : {"", "dns.example", "10.0.0.256", "0.0.0.0", "unix:/run/dns",
                             "10.0.0.53:99999", "[fd00::53"}) {
    EXPECT_THAT(dnsFindings(base::concat("servers: \"", server, "\"")), at("servers[0]: "))
        << server;
  }
  std::string many;
  for (int i = 0; i < 9; ++i) many += "servers: \"10.0.0.53\" ";
  EXPECT_THAT(dnsFindings(many), at("servers: 9 name servers; at most 8"));
  EXPECT_THAT(dnsFindings("timeout { seconds: 31 }"), at("timeout: "));
  EXPECT_THAT(dnsFindings("tries: 6"), at("tries: 6 is out of range; it must be 1 to 5"));
  EXPECT_THAT(dnsFindings("min_ttl { nanos: 99000000 }"), at("min_ttl: "));
  EXPECT_THAT(dnsFindings("max_ttl { seconds: 90000 }"), at("max_ttl: "));
  EXPECT_THAT(dnsFindings("max_ttl { seconds: 1 }"),
              at("max_ttl: 1 s is less than min_ttl, which is 5 s"));
  EXPECT_THAT(dnsFindings("min_ttl { seconds: 600 }"), HasSubstr("dns.max_ttl: "));
  EXPECT_THAT(dnsFindings("retry { seconds: 31 }"), HasSubstr("dns.max_retry: "));
  EXPECT_THAT(dnsFindings("retry {}"), at("retry: "));
}

TEST_F(StrictDnsConfigTest, TheSameSaysTheSame) {
  const auto identityOf = [this](const std::string& fields) {
    EXPECT_EQ(findings(fields), "");
    return cluster().membership->identity();
  };
  const std::string one = identityOf(strict("", endpoint("a.example:80")));
  EXPECT_EQ(identityOf(strict("", endpoint("a.example:80")) + "max_connections: 7"), one);
  EXPECT_NE(identityOf(strict("", endpoint("a.example:81"))), one);
  EXPECT_NE(identityOf(strict("tries: 2", endpoint("a.example:80"))), one);
  EXPECT_NE(identityOf(strict("", "endpoints { address: \"a.example:80\" weight: 2 }")), one);
}

}  // namespace
}  // namespace weir::extensions::clusters::strict_dns
