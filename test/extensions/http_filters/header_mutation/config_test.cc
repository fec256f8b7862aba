#include "extensions/http_filters/header_mutation/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/access/findings.h"

namespace weir::extensions::http_filters::header_mutation {
namespace {

using ::testing::HasSubstr;

std::string of(const std::string& fields) {
  return findings("[http_filters/header_mutation] { " + fields + " }");
}

TEST(HeaderMutationConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings("[http_filters/header_mutation] { request { set { name: \"x\" value: "
                     "\"%REQ(y)%\" } remove: \"z\" } clear_route_cache: true }",
                     "[http_filters/header_mutation] { replace: true }"),
            "");
}

TEST(HeaderMutationConfig, SaysWhatIsWrong) {
  EXPECT_THAT(of("request { set { name: \"Host\" value: \"x\" } }"),
              HasSubstr("request.set[0]: Host is not a field like others"));
  EXPECT_THAT(of("response { add { name: \"x\" value: \"%NOPE%\" } }"),
              HasSubstr("response.add[0]: operator \"%NOPE%\" is not known"));
  EXPECT_THAT(of("response_trailers { set { name: \"content-type\" value: \"x\" } }"),
              HasSubstr("may not stand in trailers"));
  EXPECT_THAT(of("replace: true"), HasSubstr("replace: is for routes"));
  EXPECT_THAT(findings("[http_filters/header_mutation] { }",
                       "[http_filters/header_mutation] { clear_route_cache: true }"),
              HasSubstr("belongs to the filter"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::header_mutation
