#include "extensions/http_filters/acme_challenge/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::acme_challenge {
namespace {

using ::testing::HasSubstr;

class AcmeChallengeConfig : public FilterConfigTest {
 protected:
  AcmeChallengeConfig() : FilterConfigTest("acme_challenge") {}
};

TEST_F(AcmeChallengeConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings(R"(webroot: ".")"), "");
}

TEST_F(AcmeChallengeConfig, RefusesWhatIsWrongWithPosition) {
  EXPECT_THAT(findings(""), HasSubstr("webroot: is required"));
  const std::string text = findings(R"(webroot: "no/where")");
  EXPECT_THAT(text, HasSubstr("no/where\" does not exist; make it, or name another"));
  EXPECT_THAT(text, HasSubstr("test.textproto:"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::acme_challenge
