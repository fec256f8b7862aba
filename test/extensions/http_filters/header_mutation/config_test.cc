#include "extensions/http_filters/header_mutation/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::header_mutation {
namespace {

using ::testing::HasSubstr;

class HeaderMutationConfig : public FilterConfigTest {
 protected:
  HeaderMutationConfig() : FilterConfigTest("header_mutation") {}
};

TEST_F(HeaderMutationConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings("request { set { name: \"x\" value: "
                     "\"%REQ(y)%\" } remove: \"z\" } clear_route_cache: true",
                     "replace: true"),
            "");
}

TEST_F(HeaderMutationConfig, SaysWhatIsWrong) {
  EXPECT_THAT(findings("request { set { name: \"Host\" value: \"x\" } }"),
              HasSubstr("request.set[0]: Host is not a field like others"));
  EXPECT_THAT(findings("response { add { name: \"x\" value: \"%NOPE%\" } }"),
              HasSubstr("response.add[0]: operator \"%NOPE%\" is not known"));
  EXPECT_THAT(findings("response_trailers { set { name: \"content-type\" value: \"x\" } }"),
              HasSubstr("may not stand in trailers"));
  EXPECT_THAT(findings("replace: true"), HasSubstr("replace: is for routes"));
  EXPECT_THAT(findings("", "clear_route_cache: true"), HasSubstr("belongs to the filter"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::header_mutation
