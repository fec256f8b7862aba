#include "extensions/http_filters/admission_control/config.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/network_filters/http_connection_manager/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/config/snapshot.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::admission_control {
namespace {

using ::testing::HasSubstr;

class AdmissionControlConfig : public ::testing::Test {
 protected:
  AdmissionControlConfig() {
    using network_filters::http_connection_manager::HttpConnectionManagerExtension;
    EXPECT_TRUE(registry_.add(std::make_unique<HttpConnectionManagerExtension>()).ok());
    EXPECT_TRUE(registry_.add(std::make_unique<AdmissionControlExtension>()).ok());
    EXPECT_TRUE(registry_.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  }
  std::string findings(const std::string& filter, const std::string& route = "") {
    config::Loader loader(registry_, stats_);
    config::Diagnostics diagnostics;
    const std::string of_route =
        route.empty() ? ""
                      : "filters { name: \"a\" config { [http_filters/admission_control] { " +
                            route + " } } }";
    const std::string text = R"(listeners {
  name: "edge"
  address: "127.0.0.1:8080"
  filter_chains { filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*" routes { direct_response { status: 200 } )" +
                             of_route + R"( } }
    http_filters { name: "a" config { [http_filters/admission_control] { )" +
                             filter + R"( } } }
  } } } }
})";
    loader.loadText(text, "test.textproto", 1, diagnostics);
    return diagnostics.toString();
  }
  base::Registry registry_;
  stats::Store stats_;
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
