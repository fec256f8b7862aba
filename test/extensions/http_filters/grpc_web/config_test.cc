#include "extensions/http_filters/grpc_web/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::grpc_web {
namespace {

using ::testing::HasSubstr;

class GrpcWebConfig : public FilterConfigTest {
 protected:
  GrpcWebConfig() : FilterConfigTest("grpc_web") {}
};

TEST_F(GrpcWebConfig, CountsUnderTheNameOfItsListener) {
  EXPECT_EQ(findings(""), "");
  EXPECT_THAT(stats_.prometheus(), HasSubstr("weir_grpc_web_requests_total{filter=\"edge\"} 0"));
}

TEST_F(GrpcWebConfig, CountsUnderANameOfItsOwn) {
  EXPECT_EQ(findings("stat_prefix: \"shop\""), "");
  EXPECT_THAT(stats_.prometheus(),
              HasSubstr("weir_grpc_web_text_requests_total{filter=\"shop\"} 0"));
}

TEST_F(GrpcWebConfig, SaysWhereAFieldIsUnknown) {
  EXPECT_THAT(findings("stats: \"shop\""), HasSubstr("test.textproto:6:55: "));
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_web
