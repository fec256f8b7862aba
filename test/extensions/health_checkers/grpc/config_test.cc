#include "extensions/health_checkers/grpc/config.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "extensions/transport_sockets/upstream_tls/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::health_checkers::grpc {
namespace {

using ::testing::HasSubstr;

class GrpcConfigTest : public ::testing::Test {
 protected:
  GrpcConfigTest() {
    const auto add = [this](std::unique_ptr<base::Extension> extension) {
      EXPECT_TRUE(registry_.add(std::move(extension)).ok());
    };
    add(std::make_unique<GrpcExtension>());
    add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>());
    add(std::make_unique<transport_sockets::plain::PlainExtension>());
    add(std::make_unique<transport_sockets::upstream_tls::UpstreamTlsExtension>());
  }
  // With the fields of the check on line 2.
  std::string findings(std::string_view fields, std::string_view of_cluster = "") {
    config::Diagnostics diagnostics;
    snapshot_ = loader_.loadText(
        base::concat("admin { address: \"127.0.0.1:1\" } clusters { name: \"c\" endpoints { "
                     "address: \"127.0.0.1:50051\" } health_checks { config { "
                     "[health_checkers/grpc] {\n",
                     fields, "\n} } } ", of_cluster, " }"),
        "w.textproto", 1, diagnostics);
    return diagnostics.toString();
  }
  const upstream::HealthCheckConfig& check() {
    return *snapshot_->clusters.at(0)->health_checks.at(0);
  }

  base::Registry registry_;
  stats::Store store_;
  config::Loader loader_{registry_, store_};
  std::shared_ptr<const config::Snapshot> snapshot_;
};

TEST_F(GrpcConfigTest, EverythingHasADefault) {
  EXPECT_EQ(findings(""), "");
  EXPECT_EQ(check().name, "grpc");
  EXPECT_EQ(check().factory->name(), "grpc");
}

TEST_F(GrpcConfigTest, AllFields) {
  EXPECT_EQ(findings("service: \"shop.Orders\" authority: \"[::1]:50051\" "
                     "metadata { key: \"x-token\" value: \"secret\" } "
                     "metadata { key: \"x-bin\" value: \"\\001\" } unimplemented_is_healthy: true"),
            "");
}

TEST_F(GrpcConfigTest, WhatCannotBeSentIsRefused) {
  const auto at = [](std::string_view field, int column) {
    return HasSubstr(base::concat("w.textproto:2:", column,
                                  ": clusters[0].health_checks[0].config.", field, ": "));
  };
  EXPECT_THAT(findings(base::concat("service: \"", std::string(1025, 'x'), "\"")),
              at("service", 10));
  for (const char* authority : {"user@shop.example", "a b", "shop.example/", "shop.example:x"}) {
    EXPECT_THAT(findings(base::concat("authority: \"", authority, "\"")), at("authority", 12))
        << authority;
  }
  for (const char* name : {"", "X-Token", "a b", ":path", "te", "host", "grpc-timeout", "a\\n"}) {
    EXPECT_THAT(findings(base::concat("metadata { key: \"", name, "\" value: \"v\" }")),
                HasSubstr("health_checks[0].config.metadata: "))
        << name;
  }
  EXPECT_THAT(findings("metadata { key: \"x\" value: \"a\\nb\" }"),
              HasSubstr("metadata value of \"x\" is not printable ASCII"));
  std::string many;
  for (int i = 0; i < 65; ++i) many += base::concat("metadata { key: \"x", i, "\" value: \"\" } ");
  EXPECT_THAT(findings(many), HasSubstr("65 names"));
  EXPECT_THAT(
      findings(base::concat("metadata { key: \"x\" value: \"", std::string(8192, 'v'), "\" }")),
      HasSubstr("8193 bytes in all"));
}

TEST_F(GrpcConfigTest, TlsOffersHttp2) {
  const std::string tls =
      "transport_socket { config { [transport_sockets/upstream_tls] { "
      "insecure_skip_verification: true } } }";
  EXPECT_EQ(findings("", tls), "");
  ASSERT_NE(check().settings.transport, nullptr);
  EXPECT_NE(check().settings.transport, snapshot_->clusters.at(0)->transport)
      << "one of its own, which offers h2 whatever the cluster speaks";
}

TEST_F(GrpcConfigTest, TlsThatCannotSpeakHttp2IsRefused) {
  EXPECT_THAT(findings("",
                       "transport_socket { config { [transport_sockets/upstream_tls] { "
                       "insecure_skip_verification: true alpn: \"http/1.1\" } } }"),
              HasSubstr("alpn"));
}

}  // namespace
}  // namespace weir::extensions::health_checkers::grpc
