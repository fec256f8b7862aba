// What `weir check` says of balancing that cannot work: each finding with its place.

#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/support/child_process.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

struct Case {
  std::string name;
  std::string cluster;                // its fields, from line 3 on
  std::vector<std::string> findings;  // texts that stand in the output
};

std::string routed(const std::string& route = {}) {
  return "\nlisteners { name: \"l\" address: \"127.0.0.1:0\" filter_chains { filters { config { "
         "[network_filters/http_connection_manager] { virtual_hosts { name: \"a\" domains: \"*\" "
         "routes { route { cluster: \"c\" " +
         route + " } } } } } } } }\n";
}

class BalancingCheckTest : public ::testing::TestWithParam<Case> {};

TEST_P(BalancingCheckTest, IsRefusedWithItsPlace) {
  const test::TemporaryFolder folder;
  folder.write("w.textproto", "admin { address: \"127.0.0.1:0\" }\nclusters { name: \"c\"\n" +
                                  GetParam().cluster + " }\n");
  const test::Finished done = test::weir({"check", "-c", folder.file("w.textproto")});
  EXPECT_EQ(done.code, 1) << done.out << done.err;
  for (const std::string& finding : GetParam().findings) {
    EXPECT_NE((done.out + done.err).find(finding), std::string::npos) << finding << "\nin\n"
                                                                      << done.out << done.err;
  }
}

const std::string kOne = "endpoints { address: \"10.0.0.1:80\" }";

INSTANTIATE_TEST_SUITE_P(
    Bad, BalancingCheckTest,
    ::testing::Values(
        Case{"NoEndpoint", "", {"w.textproto:2:1: clusters[0].endpoints: a cluster needs an"}},
        Case{"OnlyZeroWeights",
             "endpoints { address: \"10.0.0.1:80\" weight: 0 }",
             {"w.textproto:3:1: clusters[0].endpoints: every endpoint has weight 0"}},
        Case{"NegativeWeight",
             "endpoints { address: \"10.0.0.1:80\" weight: -1 }",
             {"w.textproto:3:", "clusters[0].endpoints[0].weight: "}},
        Case{"HugeWeight",
             "endpoints { address: \"10.0.0.1:80\" weight: 65536 }",
             {"clusters[0].endpoints[0].weight: 65536 is out of range; it must be 0 to 65535"}},
        Case{"DuplicateAddress",
             kOne + "\n" + kOne,
             {"w.textproto:4:", "clusters[0].endpoints[1].address: "}},
        Case{"DuplicateId",
             "endpoints { address: \"10.0.0.1:80\" id: \"x\" }\n"
             "endpoints { address: \"10.0.0.2:80\" id: \"x\" }",
             {"w.textproto:4:", "clusters[0].endpoints[1].id: "}},
        Case{"NameWithoutDiscovery",
             "endpoints { address: \"web.example:80\" }",
             {"w.textproto:3:", "clusters[0].endpoints[0].address: ", "strict_dns"}},
        Case{"BadName",
             "endpoints { address: \"-bad..name-:80\" } "
             "discovery { config { [clusters/strict_dns] {} } }",
             {"w.textproto:3:", "clusters[0].endpoints[0].address: "}},
        Case{"TableThatIsNotPrime",
             kOne + " load_balancing { config { [load_balancing/maglev] {\ntable_size: 1000 } } }",
             {"w.textproto:4:", "table_size: 1000", "prime"}},
        Case{"HashOfNothing",
             kOne + " load_balancing { config { [load_balancing/maglev] {} } }\nhash_keys { }",
             {"w.textproto:4:", "clusters[0].hash_keys[0]"}},
        Case{"UnknownHashSource",
             kOne + " load_balancing { config { [load_balancing/maglev] {} } }\n"
                    "hash_keys { moon_phase: \"x\" }",
             {"w.textproto:4:", "moon_phase"}},
        Case{"HashKeysOfWhatDoesNotHash",
             kOne + "\nhash_keys { path {} }",
             {"w.textproto:4:", "clusters[0].hash_keys"}},
        Case{"UnknownAlgorithm",
             kOne + " load_balancing { config {\n[load_balancing/ring_hsh] {} } }",
             {"w.textproto:4:", "clusters[0].load_balancing.config: ", "ring_hash"}},
        Case{"MetadataThatNobodyLooksAt",
             kOne + " }" + routed("\nmetadata_match { key: \"v\" value: \"1\" }") +
                 "clusters { name: \"d\" " + kOne,
             {"w.textproto:5:", "route.metadata_match: ", "give it load_balancing/subset"}},
        Case{"SubsetsOfNothing",
             kOne + " load_balancing { config { [load_balancing/subset] {\n} } }",
             {"clusters[0].load_balancing.config.subsets: "}},
        Case{
            "OverrideByHost",
            kOne + " load_balancing { config { [load_balancing/override] {\nheader: \"host\" } } }",
            {"w.textproto:4:9: clusters[0].load_balancing.config.header: "}},
        Case{"AggregateOfItself",
             "discovery { config { [clusters/aggregate] {\nclusters: \"c\" } } }",
             {"w.textproto:4:11: clusters[0].discovery.config.clusters[0]: ", "circle"}},
        Case{"AggregateOfSomebodyUnknown",
             "discovery { config { [clusters/aggregate] {\nclusters: \"d\" } } }",
             {"w.textproto:4:11: clusters[0].discovery.config.clusters[0]: "}},
        Case{"AggregateWithLimits",
             "discovery { config { [clusters/aggregate] { clusters: \"c\" } } }\n"
             "max_connections: 7",
             {"w.textproto:4:18: clusters[0].max_connections: the clusters that it stands for"}},
        Case{"PanicOver100",
             kOne + "\npanic_percent: 101",
             {"w.textproto:4:16: clusters[0].panic_percent: 101 is out of range"}}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace weir
