#include "extensions/network_filters/echo/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/network_filters/common/findings.h"

namespace weir::extensions::network_filters::echo {
namespace {

using network::test::findings;
using testing::HasSubstr;

TEST(EchoConfig, HasNoFields) {
  EXPECT_EQ(findings("filters { config { [network_filters/echo] {} } }"), "");
  EXPECT_THAT(findings("filters { config { [network_filters/echo] { loud: true } } }"),
              HasSubstr("w:2:"));
}

TEST(EchoConfig, StandsLast) {
  EXPECT_NE(findings("filters { config { [network_filters/echo] {} } }"
                     "filters { config { [network_filters/echo] {} } }"),
            "");
}

}  // namespace
}  // namespace weir::extensions::network_filters::echo
