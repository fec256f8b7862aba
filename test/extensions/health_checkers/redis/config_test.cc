#include "extensions/health_checkers/redis/config.h"

#include "gmock/gmock.h"

#include "test/extensions/health_checkers/common/check_config.h"
#include "test/support/test_certificates.h"

namespace weir::extensions::health_checkers::redis {
namespace {

class RedisConfig : public ::testing::Test {
 protected:
  RedisConfig() {
    folder_.write("good", "s3cret\n");
    folder_.write("empty", "\n");
    folder_.write("long", std::string(513, 'x'));
    folder_.write("longer", std::string(10'000, 'x'));
  }
  std::string outcome(std::string_view fields) {
    return test::checkOutcome<RedisCheckExtension>("health_checkers/redis", fields, folder_.path());
  }
  weir::test::TestFolder folder_;
};

TEST_F(RedisConfig, TakesWhatIsRight) {
  for (const char* fields : {"", "key: \"maintenance\"", "password_file: \"good\"",
                             "username: \"weir\" password_file: \"good\""}) {
    EXPECT_EQ(outcome(fields), "redis") << fields;
  }
}

TEST_F(RedisConfig, RefusesWhatIsNot) {
  const auto says = [&](const std::string& fields, const std::string& what) {
    EXPECT_THAT(outcome(fields), ::testing::HasSubstr(base::concat(test::kCheckPath, what)))
        << fields;
  };
  says("username: \"weir\"",
       "username: given without password_file; name the file with the password");
  says("password_file: \"missing\"", "password_file: cannot read ");
  says("password_file: \"empty\"",
       "password_file: has no password in it; write the password into the file");
  says("password_file: \"long\"", "password_file: is too long; it must be of at most 512 bytes");
  says("password_file: \"longer\"", "password_file: is too long; it must be of at most 512 bytes");
  says("key: \"" + std::string(513, 'k') + "\"",
       "key: is too long; it must be of at most 512 bytes");
  says("username: \"" + std::string(513, 'k') + "\" password_file: \"good\"",
       "username: is too long; it must be of at most 512 bytes");
}

}  // namespace
}  // namespace weir::extensions::health_checkers::redis
