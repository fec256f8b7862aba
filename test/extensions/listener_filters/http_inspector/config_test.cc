#include "extensions/listener_filters/http_inspector/config.h"

#include <string>

#include "gtest/gtest.h"

#include "test/extensions/listener_filters/common/findings.h"

namespace weir::extensions::listener_filters::http_inspector {
namespace {

std::string outcome(const std::string& fields) {
  return findings("[listener_filters/http_inspector] { " + fields + " }");
}

TEST(HttpInspectorConfig, TakesWhatIsInRange) {
  EXPECT_EQ(outcome(""), "");
  EXPECT_EQ(outcome("timeout { nanos: 10000000 }"), "");
  EXPECT_EQ(outcome("timeout { seconds: 60 }"), "");
}

TEST(HttpInspectorConfig, RefusesWhatIsNot) {
  EXPECT_EQ(outcome("timeout { seconds: 61 }"),
            "w.textproto:2:37: listeners[0].listener_filters[0].config.timeout: 61 s is out of "
            "range; it must be 10 ms to 1 min\n");
}

}  // namespace
}  // namespace weir::extensions::listener_filters::http_inspector
