#include "extensions/listener_filters/original_dst/config.h"

#include <string>

#include "gtest/gtest.h"

#include "test/extensions/listener_filters/common/findings.h"

namespace weir::extensions::listener_filters::original_dst {
namespace {

TEST(OriginalDstConfig, HasNoFields) {
  EXPECT_EQ(findings("[listener_filters/original_dst] {}"), "");
  EXPECT_NE(findings("[listener_filters/original_dst] { port: 1 }").find("port"),
            std::string::npos);
}

}  // namespace
}  // namespace weir::extensions::listener_filters::original_dst
