#include "extensions/network_filters/rbac/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "test/extensions/network_filters/common/findings.h"

namespace weir::extensions::network_filters::rbac {
namespace {

using testing::HasSubstr;

std::string findings(std::string_view fields) {
  return network::test::findings(
      base::concat("filters { config { [network_filters/rbac] { ", fields,
                   " } } } filters { config { [network_filters/echo] {} } }"));
}
std::string match(std::string_view fields) {
  return findings(
      base::concat("rules { name: \"r\" action: ACTION_ALLOW match { ", fields, " } }"));
}

TEST(RbacConfig, TakesWhatIsRight) {
  EXPECT_EQ(match(""), "");
  EXPECT_EQ(match(R"(source_prefixes: "10.0.0.0/8" direct_source_prefixes: "::1"
                     destination_ports: 443 server_names: "*.A.example" invert: true
                     client_certificate { uris: "spiffe://a/*" dns_names: "b.example"
                       sha256: "AA:)" +
                  std::string(62, 'a') + R"("
                       subjects: "CN=a" })"),
            "");
  EXPECT_EQ(findings(R"(shadow_rules { name: "s" action: ACTION_DENY }
                        shadow_default_action: ACTION_ALLOW)"),
            "");
}

TEST(RbacConfig, RefusesWhatIsWrong) {
  EXPECT_THAT(findings(""), HasSubstr("rules: there is no rule"));
  EXPECT_THAT(findings("rules { action: ACTION_DENY }"), HasSubstr("rules[0].name: is required"));
  EXPECT_THAT(findings("rules { name: \"r\" }"), HasSubstr("rules[0].action: is required"));
  EXPECT_THAT(findings("rules { name: \"default\" action: ACTION_DENY }"),
              HasSubstr("rules[0].name: \"default\""));
  EXPECT_THAT(findings("rules { name: \"r\" action: ACTION_DENY } "
                       "rules { name: \"r\" action: ACTION_DENY }"),
              HasSubstr("rules[1].name"));
  EXPECT_THAT(findings("rules { name: \"r\" action: ACTION_DENY } "
                       "shadow_default_action: ACTION_DENY"),
              HasSubstr("shadow_default_action: there are no shadow_rules"));
  EXPECT_THAT(match("source_prefixes: \"10.0.0.0/33\""), HasSubstr("source_prefixes[0]"));
  EXPECT_THAT(match("destination_ports: 0"), HasSubstr("destination_ports[0]: 0 is out of range"));
  EXPECT_THAT(match("server_names: \"a.*\""), HasSubstr("\"a.*\" is not a host name"));
  EXPECT_THAT(match("client_certificate { uris: \"a*b\" }"), HasSubstr("only the end may be"));
  EXPECT_THAT(match("client_certificate { uris: \"*\" }"), HasSubstr("uris[0]: is required"));
  EXPECT_THAT(match("client_certificate { sha256: \"abc\" }"),
              HasSubstr("\"abc\" is not a SHA-256; write 64 hexadecimal digits"));
}

}  // namespace
}  // namespace weir::extensions::network_filters::rbac
