#include "extensions/network_filters/direct_response/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "test/extensions/network_filters/common/findings.h"
#include "test/support/child_process.h"

namespace weir::extensions::network_filters::direct_response {
namespace {

using testing::HasSubstr;

std::string findings(std::string_view fields) {
  return network::test::findings(
      base::concat("filters { config { [network_filters/direct_response] { ", fields, " } } }"));
}

TEST(DirectResponseConfig, TakesTextOrFile) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(findings(""), "");
  EXPECT_EQ(findings("text: \"hello\\n\""), "");
  EXPECT_EQ(findings(base::concat("file: \"", folder.write("motd", "hello"), "\"")), "");
  EXPECT_EQ(findings(base::concat("text: \"", std::string(64 * 1024, 'x'), "\"")), "");
}

TEST(DirectResponseConfig, RefusesWhatCannotBeSent) {
  const test::TemporaryFolder folder;
  EXPECT_THAT(findings(base::concat("text: \"", std::string(64 * 1024 + 1, 'x'), "\"")),
              HasSubstr("text: is larger than 64 KiB; serve large answers from an origin"));
  const std::string large = folder.write("large", std::string(64 * 1024 + 1, 'x'));
  EXPECT_THAT(findings(base::concat("file: \"", large, "\"")),
              HasSubstr("file: is larger than 64 KiB"));
  EXPECT_THAT(findings(base::concat("file: \"", folder.file("none"), "\"")),
              HasSubstr("none\": No such file or directory"));
  EXPECT_THAT(findings(base::concat("file: \"", folder.path(), "\"")),
              HasSubstr("not a regular file"));
  EXPECT_THAT(findings("file: \"\""), HasSubstr("file: is required; name a file"));
}

}  // namespace
}  // namespace weir::extensions::network_filters::direct_response
