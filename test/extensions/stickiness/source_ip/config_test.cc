#include "extensions/stickiness/source_ip/config.h"

#include "gtest/gtest.h"

#include "test/extensions/stickiness/common/config_outcome.h"

namespace weir::extensions::stickiness::source_ip {
namespace {

std::string outcome(std::string_view fields) {
  return test::configOutcome(std::make_unique<SourceIpExtension>(), fields);
}

TEST(SourceIpConfig, TakesWhatIsInRange) {
  for (const char* fields :
       {"", "ipv4_prefix_length: 24 ipv6_prefix_length: 128",
        "table { ttl { seconds: 1 } max_entries: 1 max_bytes: 4096 }",
        "table { ttl { seconds: 2592000 } max_entries: 10000000 max_bytes: 1000000000 }"}) {
    EXPECT_EQ(outcome(fields), "source_ip") << fields;
  }
}

TEST(SourceIpConfig, RefusesWhatIsNot) {
  EXPECT_EQ(outcome("ipv4_prefix_length: 33 table {\nttl { nanos: 5000000 }\nmax_entries: 10000001 "
                    "max_bytes: 1 }"),
            "w.textproto:3:21: clusters[0].stickiness.config.ipv4_prefix_length: 33 is out of "
            "range; it must be 1 to 32\n"
            "w.textproto:4:1: clusters[0].stickiness.config.table.ttl: 5 ms is out of range; it "
            "must be 1 s to 720 h\n"
            "w.textproto:5:14: clusters[0].stickiness.config.table.max_entries: 10000001 is out of "
            "range; it must be 1 to 10000000\n"
            "w.textproto:5:34: clusters[0].stickiness.config.table.max_bytes: 1 is out of range; "
            "it must be 4096 to 1000000000\n");
}

}  // namespace
}  // namespace weir::extensions::stickiness::source_ip
