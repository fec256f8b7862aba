#include "extensions/clusters/dns_srv/config.h"

#include "test/extensions/clusters/common/config_fixture.h"

namespace weir::extensions::clusters::dns_srv {
namespace {

using ::testing::HasSubstr;

class DnsSrvConfigTest : public ClusterConfigFixture {
 protected:
  DnsSrvConfigTest() : ClusterConfigFixture(std::make_unique<DnsSrvExtension>()) {}
  static std::string srv(std::string_view fields) {
    return base::concat("discovery { config { [clusters/dns_srv] { ", fields, " } } }\n");
  }
};

TEST_F(DnsSrvConfigTest, AServiceName) {
  EXPECT_EQ(findings(srv("service: \"_http._tcp.example.com\" dns { tries: 1 }")), "");
  EXPECT_NE(cluster().membership, nullptr);
}

TEST_F(DnsSrvConfigTest, WhichIsChecked) {
  EXPECT_THAT(findings(srv("")), HasSubstr("discovery.config.service: is required; write a name"));
  EXPECT_EQ(findings(srv("service: \"web.example.com\"")),
            "w.textproto:2:52: clusters[0].discovery.config.service: \"web.example.com\" is no "
            "service name; write \"_service._protocol.host\", such as "
            "\"_http._tcp.example.com\"\n");
  EXPECT_THAT(findings(srv("service: \"_http._tcp.example com\"")), HasSubstr("is no host name"));
}

TEST_F(DnsSrvConfigTest, ListsNoEndpoints) {
  EXPECT_THAT(findings(srv("service: \"_http._tcp.example.com\"") + endpoint("10.0.0.1:80")),
              HasSubstr("clusters[0].endpoints: discovery finds the endpoints"));
}

TEST_F(DnsSrvConfigTest, SettingsAreChecked) {
  EXPECT_THAT(findings(srv("service: \"_http._tcp.example.com\" dns { tries: 9 }")),
              HasSubstr("discovery.config.dns.tries: 9 is out of range"));
}

}  // namespace
}  // namespace weir::extensions::clusters::dns_srv
