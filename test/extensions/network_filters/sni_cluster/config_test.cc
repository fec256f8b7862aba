#include "extensions/network_filters/sni_cluster/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "test/extensions/network_filters/common/findings.h"

namespace weir::extensions::network_filters::sni_cluster {
namespace {

using testing::HasSubstr;

std::string findings(std::string_view fields) {
  return network::test::findings(
      base::concat("filters { config { [network_filters/sni_cluster] { ", fields,
                   " } } } filters { config { [network_filters/tcp_proxy] {} } }"),
      "clusters { name: \"web\" endpoints { address: \"10.0.0.1:80\" } }");
}

TEST(SniClusterConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings(""), "");
  EXPECT_EQ(findings("prefix: \"a-\" suffix: \"-b\" fallback: FALLBACK_CLOSE"), "");
  EXPECT_EQ(findings("listed_only: true clusters { key: \"a.example\" value: \"web\" } "
                     "clusters { key: \"*.a.example\" value: \"web\" }"),
            "");
}

TEST(SniClusterConfig, RefusesWhatCannotBe) {
  EXPECT_THAT(findings("clusters { key: \"a.example\" value: \"wev\" }"), HasSubstr("\"web\""));
  EXPECT_THAT(findings("clusters { key: \"*.\" value: \"web\" }"),
              HasSubstr("\"*.\" is not a server name"));
  EXPECT_THAT(findings("clusters { key: \"a.*.b\" value: \"web\" }"),
              HasSubstr("\"a.*.b\" is not a server name"));
  EXPECT_THAT(findings("clusters { key: \"A.b\" value: \"web\" } "
                       "clusters { key: \"a.b\" value: \"web\" }"),
              HasSubstr("\"a.b\" is listed twice"));
  EXPECT_THAT(findings("listed_only: true"), HasSubstr("listed_only: nothing is listed"));
  EXPECT_THAT(findings("listed_only: true prefix: \"x\" "
                       "clusters { key: \"a\" value: \"web\" }"),
              HasSubstr("prefix and suffix would never be used"));
}

TEST(SniClusterConfig, StandsInFrontOfAProxy) {
  EXPECT_NE(network::test::findings("filters { config { [network_filters/sni_cluster] {} } }"), "");
}

}  // namespace
}  // namespace weir::extensions::network_filters::sni_cluster
