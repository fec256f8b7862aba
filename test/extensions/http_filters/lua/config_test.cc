#include "extensions/http_filters/lua/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::lua {
namespace {

using ::testing::HasSubstr;

constexpr char kInline[] = R"(inline: "function on_request(h) end")";

class LuaConfig : public FilterConfigTest {
 protected:
  LuaConfig() : FilterConfigTest("lua") {}
  static std::string script() { return std::string("script { ") + kInline + " }"; }
};

TEST_F(LuaConfig, TakesAScript) {
  EXPECT_EQ(findings(script()), "");
}

TEST_F(LuaConfig, TakesSourcesAlone) {
  EXPECT_EQ(
      findings(std::string("sources { key: \"a\" value { ") + kInline + " } }", "source: \"a\""),
      "");
}

TEST_F(LuaConfig, TakesWhatRoutesSay) {
  EXPECT_EQ(findings(script(), script()), "");
  EXPECT_EQ(
      findings(script(), R"(filter_context { fields { key: "a" value { number_value: 1 } } })"),
      "");
}

TEST_F(LuaConfig, WantsAScript) {
  EXPECT_THAT(findings(""), HasSubstr("has no script"));
}

TEST_F(LuaConfig, SaysWhereAScriptIsWrong) {
  EXPECT_THAT(findings(R"(script { inline: "function on_request(h)\n  x x\nend" })"),
              HasSubstr(":2: "));
  EXPECT_THAT(findings(R"(script { inline: "x = 1" })"),
              HasSubstr("defines no global function envoy_on_request, on_request"));
}

TEST_F(LuaConfig, RefusesWhatBelongsElsewhere) {
  EXPECT_THAT(findings(script() + " source: \"a\""), HasSubstr("belongs to a route"));
  EXPECT_THAT(findings(script() + " filter_context {}"), HasSubstr("belongs to a route"));
  EXPECT_THAT(findings(script(), "keep_route: true"), HasSubstr("belongs to the filter"));
  EXPECT_THAT(findings(script(), "max_body_bytes: 1"), HasSubstr("belongs to the filter"));
  EXPECT_THAT(findings(script(), "metadata_namespace: \"a\""), HasSubstr("belongs to the filter"));
  EXPECT_THAT(findings(script(), script() + " source: \"a\""), HasSubstr("stands beside"));
}

TEST_F(LuaConfig, RoutesNameSourcesThatAreThere) {
  EXPECT_THAT(findings(script(), "source: \"a\""), HasSubstr("the filter has no source \"a\""));
  EXPECT_THAT(findings(std::string("sources { key: \"auth\" value { ") + kInline + " } }",
                       "source: \"auht\""),
              HasSubstr("the filter has no source \"auht\"; did you mean \"auth\"?"));
}

TEST_F(LuaConfig, LimitsTheBody) {
  EXPECT_THAT(findings(script() + " max_body_bytes: 2000000000"), HasSubstr("max_body_bytes"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::lua
