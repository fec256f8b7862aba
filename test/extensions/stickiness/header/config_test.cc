#include "extensions/stickiness/header/config.h"

#include "gtest/gtest.h"

#include "test/extensions/stickiness/common/config_outcome.h"

namespace weir::extensions::stickiness::header {
namespace {

std::string outcome(std::string_view fields) {
  return test::configOutcome(std::make_unique<HeaderExtension>(), fields);
}

TEST(HeaderConfig, TakesNames) {
  for (const char* fields : {"request_header: \"X-Session\"",
                             "request_header: \"a\" response_header: \"b\" max_id_bytes: 1"}) {
    EXPECT_EQ(outcome(fields), "header") << fields;
  }
}

TEST(HeaderConfig, RefusesWhatIsNoName) {
  EXPECT_EQ(outcome(""),
            "w.textproto:2:81: clusters[0].stickiness.config.request_header: is required; name the "
            "header, as in \"x-session\"\n");
  EXPECT_EQ(outcome("request_header: \"a:\" response_header: \"b c\" max_id_bytes: 5000"),
            "w.textproto:3:17: clusters[0].stickiness.config.request_header: is not a header's "
            "name; use letters, digits and signs such as -, without spaces or colon\n"
            "w.textproto:3:39: clusters[0].stickiness.config.response_header: is not a header's "
            "name; use letters, digits and signs such as -, without spaces or colon\n"
            "w.textproto:3:59: clusters[0].stickiness.config.max_id_bytes: 5000 is out of range; "
            "it must be 1 to 4096\n");
}

}  // namespace
}  // namespace weir::extensions::stickiness::header
