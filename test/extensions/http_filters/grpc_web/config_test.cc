#include "extensions/http_filters/grpc_web/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/all_extensions.h"
#include "source/config/snapshot.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::grpc_web {
namespace {

using ::testing::HasSubstr;

class GrpcWebConfig : public ::testing::Test {
 protected:
  GrpcWebConfig() { EXPECT_TRUE(registerAllExtensions(registry_).ok()); }

  // The findings for a file that uses `extension`, or "".
  std::string findings(const std::string& extension) {
    config::Loader loader(registry_, stats_);
    config::Diagnostics diagnostics;
    const std::string text = R"(listeners {
  name: "edge"
  address: "127.0.0.1:8080"
  filter_chains { filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*" routes { direct_response { status: 200 } } }
    http_filters { config {
      )" + extension + R"(
    } }
  } } } }
})";
    loader.loadText(text, "test.textproto", 1, diagnostics);
    return diagnostics.toString();
  }

  base::Registry registry_;
  stats::Store stats_;
};

TEST_F(GrpcWebConfig, CountsUnderTheNameOfItsListener) {
  EXPECT_EQ(findings("[http_filters/grpc_web] {}"), "");
  EXPECT_THAT(stats_.prometheus(), HasSubstr("weir_grpc_web_requests_total{filter=\"edge\"} 0"));
}

TEST_F(GrpcWebConfig, CountsUnderANameOfItsOwn) {
  EXPECT_EQ(findings("[http_filters/grpc_web] { stat_prefix: \"shop\" }"), "");
  EXPECT_THAT(stats_.prometheus(),
              HasSubstr("weir_grpc_web_text_requests_total{filter=\"shop\"} 0"));
}

TEST_F(GrpcWebConfig, SaysWhereAFieldIsUnknown) {
  EXPECT_THAT(findings("[http_filters/grpc_web] { stats: \"shop\" }"),
              HasSubstr("test.textproto:7:33: "));
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_web
