#include "extensions/network_filters/lua/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "test/extensions/network_filters/common/findings.h"

namespace weir::extensions::network_filters::lua {
namespace {

using testing::HasSubstr;

std::string findings(std::string_view fields) {
  return network::test::findings(base::concat("filters { config { [network_filters/lua] { ", fields,
                                              " } } } filters { config { [network_filters/echo] "
                                              "{} } }"));
}

TEST(LuaFilterConfig, TakesWhatIsRight) {
  for (const char* function : {"on_new_connection", "on_data", "on_write", "on_close"}) {
    EXPECT_EQ(findings(base::concat("script { inline: \"function ", function, "() end\" }")), "");
  }
  EXPECT_EQ(findings("script { inline: \"function on_data() end\" on_error: CONTINUE }"), "");
}

TEST(LuaFilterConfig, RefusesWhatIsNot) {
  EXPECT_THAT(findings(""), HasSubstr("config.script"));
  EXPECT_THAT(findings("script { inline: \"function on_dat() end\" }"),
              HasSubstr("defines no global function on_new_connection, on_data, on_write or "
                        "on_close"));
  EXPECT_THAT(findings("script { inline: \"function(\" }"), HasSubstr("network_filters/lua:1: "));
}

TEST(LuaFilterConfig, StandsInFrontOfAnother) {
  EXPECT_NE(network::test::findings("filters { config { [network_filters/lua] { script { inline: "
                                    "\"function on_data() end\" } } } }"),
            "");
}

}  // namespace
}  // namespace weir::extensions::network_filters::lua
