#include "extensions/http_filters/admission_control/config.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::admission_control {
namespace {

using ::testing::HasSubstr;

class AdmissionControlConfig : public FilterConfigTest {
 protected:
  AdmissionControlConfig() : FilterConfigTest("admission_control") {}
};

TEST_F(AdmissionControlConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings(""), "");
  EXPECT_EQ(findings(R"(sampling_window { seconds: 10 } success_threshold { percent: 90 }
      aggression: 1.5 rps_threshold: 10 max_rejection { percent: 50 } shadow: true
      success { http_statuses { start: 200 end: 400 } grpc_statuses: 0 grpc_statuses: 5 })",
                     R"(stat_prefix: "api")"),
            "");
  EXPECT_THAT(stats_.prometheus(),
              HasSubstr("weir_admission_control_refused_total{filter=\"api\"} 0"));
}

TEST_F(AdmissionControlConfig, RefusesWhatIsWrongWithPosition) {
  const struct {
    const char* fields;
    const char* finding;
  } kCases[] = {
      {"sampling_window { seconds: 1 nanos: 500000000 }", "has parts of a second"},
      {"sampling_window { seconds: 601 }", "sampling_window: "},
      {"success_threshold { percent: 0 }", "success_threshold.percent: is not within 1 and 100"},
      {"max_rejection { percent: 101 }", "max_rejection.percent: is not within 0 and 100"},
      {"aggression: 0.5", "aggression: is not within 1 and 100"},
      {"success { http_statuses { start: 200 end: 700 } }", "is no range of statuses"},
      {"success { http_statuses { start: 300 end: 300 } }", "is no range of statuses"},
      {"success { grpc_statuses: 17 }", "success.grpc_statuses[0]: "},
  };
  for (const auto& [fields, finding] : kCases) {
    const std::string text = findings(fields);
    EXPECT_THAT(text, HasSubstr(finding)) << fields;
    EXPECT_THAT(text, HasSubstr("test.textproto:6:")) << fields;
  }
  EXPECT_THAT(findings("", "aggression: 2"), HasSubstr("stat_prefix: is required"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::admission_control
