#include "extensions/stickiness/app_cookie/config.h"

#include "gtest/gtest.h"

#include "test/extensions/stickiness/common/config_outcome.h"

namespace weir::extensions::stickiness::app_cookie {
namespace {

std::string outcome(std::string_view fields) {
  return test::configOutcome(std::make_unique<AppCookieExtension>(), fields);
}

TEST(AppCookieConfig, TakesAName) {
  for (const char* fields :
       {"name: \"JSESSIONID\"", "name: \"s\" max_id_bytes: 4096 learn_from_requests: true"}) {
    EXPECT_EQ(outcome(fields), "app_cookie") << fields;
  }
}

TEST(AppCookieConfig, RefusesWhatIsNoName) {
  EXPECT_EQ(outcome(""),
            "w.textproto:2:81: clusters[0].stickiness.config.name: is required; name the cookie, "
            "as in name: \"JSESSIONID\"\n");
  EXPECT_EQ(outcome("name: \"a b\" max_id_bytes: 4097"),
            "w.textproto:3:7: clusters[0].stickiness.config.name: is not a name that a cookie can "
            "have; use letters, digits and signs such as - and _, without spaces\n"
            "w.textproto:3:27: clusters[0].stickiness.config.max_id_bytes: 4097 is out of range; "
            "it must be 1 to 4096\n");
}

}  // namespace
}  // namespace weir::extensions::stickiness::app_cookie
