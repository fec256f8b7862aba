#include "extensions/health_checkers/tcp/config.h"

#include "gmock/gmock.h"

#include "test/extensions/health_checkers/common/check_config.h"

namespace weir::extensions::health_checkers::tcp {
namespace {

std::string outcome(std::string_view fields) {
  return test::checkOutcome<TcpCheckExtension>("health_checkers/tcp", fields);
}

std::string times(int count, const std::string& text) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

TEST(TcpConfig, TakesWhatIsRight) {
  for (const std::string& fields :
       {std::string(), std::string("send { text: \"PING\\r\\n\" } expect { text: \"+PONG\" }"),
        std::string("send { hex: \"50 49 4e47 0D0a\" }"), std::string("expect { hex: \"00\" }"),
        "send { text: \"" + std::string(4096, 'x') + "\" }", times(16, "expect { text: \"a\" }")}) {
    EXPECT_EQ(outcome(fields), "tcp") << fields;
  }
}

TEST(TcpConfig, RefusesWhatIsNot) {
  const auto says = [&](const std::string& fields, const std::string& what) {
    EXPECT_THAT(outcome(fields), ::testing::HasSubstr(base::concat(test::kCheckPath, what)))
        << fields;
  };
  says("send {}", "send: has no bytes; give text or hex");
  says("send { text: \"\" }", "send.text: ");
  says("send { text: \"a\" hex: \"00\" }", "send.hex: cannot stand beside \"text\"");
  const std::string hex =
      "hex: is not in hexadecimal digits, two for each byte; write such as \"50 49 4e 47 0d 0a\"";
  says("send { hex: \"5\" }", "send." + hex);
  says("send { hex: \"\" }", "send." + hex);
  says("send { hex: \"5 0\" }", "send." + hex);
  says("expect { text: \"a\" } expect { hex: \"0x50\" }", "expect[1]." + hex);
  says("send { text: \"" + std::string(4097, 'x') + "\" }",
       "send.text: is of 4097 bytes; it must be of at most 4096");
  says("expect { hex: \"" + times(4097, "00") + "\" }",
       "expect[0].hex: is of 4097 bytes; it must be of at most 4096");
  says(times(17, "expect { text: \"a\" }"),
       "expect[16]: at most 16 can be expected; join those that follow one another");
}

}  // namespace
}  // namespace weir::extensions::health_checkers::tcp
