#include "extensions/transport_sockets/upstream_tls/config.h"

#include <gtest/gtest.h>

#include "extensions/all_extensions.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"
#include "test/support/test_certificates.h"

namespace weir::extensions::transport_sockets::upstream_tls {
namespace {

class UpstreamTlsConfig : public testing::Test {
 protected:
  UpstreamTlsConfig() { EXPECT_TRUE(extensions::registerAllExtensions(registry_).ok()); }

  std::string findings(std::string_view fields, std::string_view cluster_fields = "") {
    config::Diagnostics diagnostics;
    const auto snapshot = loader_.loadText(
        base::concat("admin { address: \"127.0.0.1:1\" }\nclusters { name: \"c\" ", cluster_fields,
                     " endpoints { address: \"10.0.0.1:443\" } transport_socket { config { "
                     "[transport_sockets/upstream_tls] {\n",
                     fields, "\n} } } }"),
        pki_.folder().pathOf("w.textproto"), 1, diagnostics);
    std::string text;
    for (const config::Diagnostic& found : diagnostics.list()) {
      constexpr std::string_view kBefore = "clusters[0].transport_socket.config.";
      std::string path = found.field_path;
      if (path.starts_with(kBefore)) path = path.substr(kBefore.size());
      text += base::concat(path, ": ", found.what, "\n");
    }
    if (snapshot != nullptr) {
      const auto& transport = *snapshot->clusters.at(0)->transport;
      EXPECT_TRUE(transport.secure());
      by_name_ = transport.needs().server_name;
    }
    return text;
  }

  test::TestPki pki_;
  bool by_name_ = false;
  base::Registry registry_;
  stats::Store store_;
  config::Loader loader_{registry_, store_};
};

TEST_F(UpstreamTlsConfig, TakesEverything) {
  EXPECT_EQ(findings("ca_files: \"ca.pem\""), "");
  EXPECT_FALSE(by_name_);
  EXPECT_EQ(findings(R"(ca_files: "ca.pem" server_name: "Shop.Example" server_name_from_host: true
                        names { uri: "spiffe://example.com/x" } max_depth: 2 alpn: "http/1.1"
                        client_certificate { certificate_file: "client.pem"
                                             private_key_file: "client.key" }
                        min_version: TLS_1_2 max_version: TLS_1_2 max_sessions: 0)"),
            "");
  EXPECT_TRUE(by_name_);
  EXPECT_EQ(findings("insecure_skip_verification: true"), "");
  EXPECT_EQ(findings("sha256: \"" + pki_.server.sha256Hex() + "\""), "");
}

TEST_F(UpstreamTlsConfig, AlpnAgreesWithWhatTheClusterSpeaks) {
  const std::string kHttp1 = "http_protocol: HTTP_PROTOCOL_HTTP1";
  const std::string kHttp2 = "http_protocol: HTTP_PROTOCOL_HTTP2";
  const std::string kAuto = "http_protocol: HTTP_PROTOCOL_AUTO";
  const std::string kCa = "ca_files: \"ca.pem\" ";
  for (const std::string& protocol : {kHttp1, kHttp2, kAuto}) {
    EXPECT_EQ(findings(kCa, protocol), "") << protocol;
  }
  EXPECT_EQ(findings(kCa + "alpn: \"h2\" alpn: \"x\""), "") << "the cluster says nothing";
  EXPECT_EQ(findings(kCa + "alpn: \"http/1.1\"", kHttp1), "");
  EXPECT_EQ(findings(kCa + "alpn: \"h2\"", kHttp2), "");
  EXPECT_EQ(findings(kCa + "alpn: \"http/1.1\" alpn: \"h2\"", kAuto), "");
  EXPECT_EQ(findings(kCa + "alpn: \"h2\"", kHttp1), "alpn[0]: the cluster does not speak \"h2\"\n");
  EXPECT_EQ(findings(kCa + "alpn: \"h2\" alpn: \"http/1.1\"", kHttp2),
            "alpn[1]: the cluster does not speak \"http/1.1\"\n");
  EXPECT_EQ(findings(kCa + "alpn: \"h3\"", kAuto), "alpn[0]: the cluster does not speak \"h3\"\n");
}

TEST_F(UpstreamTlsConfig, ReportsEveryFieldThatIsWrong) {
  EXPECT_EQ(findings("ca_files: \"ca.pem\" server_name: \"a b\""),
            "server_name: is no host name\n");
  EXPECT_EQ(findings("ca_files: \"ca.pem\" insecure_skip_verification: true"),
            "insecure_skip_verification: given together with rules about the endpoints' "
            "certificates\n");
  EXPECT_EQ(
      findings("ca_files: \"ca.pem\" client_certificate { certificate_file: \"client.pem\" }"),
      "client_certificate.private_key_file: is required\n");
  EXPECT_NE(findings("ca_files: \"ca.pem\" sha256: \"12\""), "");
  EXPECT_NE(findings("ca_files: \"ca.pem\" names { ip: \"shop\" }"), "");
  EXPECT_TRUE(findings("ca_files: \"none\"").starts_with("ca_files[0]: "));
  EXPECT_TRUE(findings("ca_files: \"ca.pem\" crl_files: \"ca.pem\"").starts_with("crl_files[0]: "));
  EXPECT_TRUE(findings("ca_files: \"ca.pem\" client_certificate { certificate_file: \"client.pem\" "
                       "private_key_file: \"server.key\" }")
                  .starts_with("client_certificate.private_key_file: "));
}

TEST_F(UpstreamTlsConfig, IsForClusters) {
  config::Diagnostics diagnostics;
  loader_.loadText(
      "admin { address: \"127.0.0.1:1\" } listeners { name: \"l\" address: \"127.0.0.1:0\" "
      "filter_chains { filters { config { [network_filters/echo] {} } } transport_socket { config "
      "{ [transport_sockets/upstream_tls] {} } } } }",
      "w", 1, diagnostics);
  EXPECT_NE(diagnostics.toString().find("use transport_sockets/tls"), std::string::npos);
}

}  // namespace
}  // namespace weir::extensions::transport_sockets::upstream_tls
