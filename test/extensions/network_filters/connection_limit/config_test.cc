#include "extensions/network_filters/connection_limit/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "test/extensions/network_filters/common/findings.h"

namespace weir::extensions::network_filters::connection_limit {
namespace {

using testing::HasSubstr;

std::string findings(std::string_view fields) {
  return network::test::findings(
      base::concat("filters { config { [network_filters/connection_limit] { ", fields,
                   " } } } filters { config { [network_filters/echo] {} } }"));
}

TEST(ConnectionLimitConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings("max_connections: 1"), "");
  EXPECT_EQ(findings("max_connections_per_source: 5 delay { nanos: 500000000 }"), "");
}

TEST(ConnectionLimitConfig, RefusesWhatIsWrong) {
  EXPECT_THAT(findings(""), HasSubstr("max_connections: there is no limit"));
  EXPECT_THAT(findings("max_connections: 10000001"), HasSubstr("max_connections: 10000001"));
  EXPECT_THAT(findings("max_connections: 1 delay { seconds: 61 }"), HasSubstr("delay: "));
}

TEST(SharedStates, LiveAsLongAsSomebodyUsesThem) {
  base::SharedStates<ConnectionCounts> states;
  const auto make = [] { return std::make_shared<ConnectionCounts>(); };
  auto first = states.get("a", make);
  EXPECT_EQ(states.get("a", make), first);
  EXPECT_NE(states.get("b", make), first);
  EXPECT_TRUE(first->tryTake(0));
  first.reset();
  EXPECT_EQ(states.get("a", make)->open(), 0u);
}

}  // namespace
}  // namespace weir::extensions::network_filters::connection_limit
