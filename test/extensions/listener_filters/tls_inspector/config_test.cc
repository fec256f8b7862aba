#include "extensions/listener_filters/tls_inspector/config.h"

#include <string>

#include "gtest/gtest.h"

#include "test/extensions/listener_filters/common/findings.h"

namespace weir::extensions::listener_filters::tls_inspector {
namespace {

std::string outcome(const std::string& fields) {
  return findings("[listener_filters/tls_inspector] { " + fields + " }");
}

TEST(TlsInspectorConfig, TakesWhatIsInRange) {
  EXPECT_EQ(outcome(""), "");
  EXPECT_EQ(outcome("raw_after { nanos: 10000000 }"), "");
  EXPECT_EQ(outcome("raw_after { seconds: 86400 }"), "");
}

TEST(TlsInspectorConfig, RefusesWhatIsNot) {
  EXPECT_EQ(outcome("raw_after { nanos: 9000000 }"),
            "w.textproto:2:36: listeners[0].listener_filters[0].config.raw_after: 9 ms is out of "
            "range; it must be 10 ms to 24 h\n");
}

}  // namespace
}  // namespace weir::extensions::listener_filters::tls_inspector
