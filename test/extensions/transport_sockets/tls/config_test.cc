#include "extensions/transport_sockets/tls/config.h"

#include <gtest/gtest.h>

#include "extensions/all_extensions.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"
#include "test/support/test_certificates.h"

namespace weir::extensions::transport_sockets::tls {
namespace {

class TlsConfig : public testing::Test {
 protected:
  TlsConfig() { EXPECT_TRUE(extensions::registerAllExtensions(registry_).ok()); }

  // The findings, each without its file, line and column, or "" when there are none.
  std::string findings(std::string_view fields) {
    config::Diagnostics diagnostics;
    const auto snapshot = loader_.loadText(
        base::concat(
            "admin { address: \"127.0.0.1:1\" }\n"
            "listeners { name: \"edge\" address: \"127.0.0.1:0\" filter_chains { filters { "
            "config { [network_filters/echo] {} } } transport_socket { config { "
            "[transport_sockets/tls] {\n",
            fields, "\n} } } } }"),
        pki_.folder().pathOf("w.textproto"), 1, diagnostics);
    std::string text;
    for (const config::Diagnostic& found : diagnostics.list()) {
      constexpr std::string_view kBefore = "listeners[0].filter_chains[0].transport_socket.config.";
      std::string path = found.field_path;
      if (path.starts_with(kBefore)) path = path.substr(kBefore.size());
      text += base::concat(path, ": ", found.what, "\n");
    }
    if (snapshot != nullptr) {
      const auto& chain = *snapshot->listeners.at(0)->filter_chains.at(0);
      EXPECT_TRUE(chain.transport->secure());
      EXPECT_EQ(snapshot->main_parts.size(), 1u);
      timeout_ = chain.transport->handshakeTimeout();
    }
    return text;
  }

  test::TestPki pki_;
  const std::string pair_ =
      "certificates { certificate_file: \"server.pem\" private_key_file: \"server.key\" } ";
  std::chrono::milliseconds timeout_{0};
  base::Registry registry_;
  stats::Store store_;
  config::Loader loader_{registry_, store_};
};

TEST_F(TlsConfig, NeedsOnlyACertificate) {
  EXPECT_EQ(findings(pair_), "");
  EXPECT_EQ(timeout_, std::chrono::seconds(10));
}

TEST_F(TlsConfig, TakesEverything) {
  std::string key;
  for (int i = 0; i < 80; ++i) key.push_back(static_cast<char>(128 + i));
  pki_.folder().write("tickets", key);
  EXPECT_EQ(findings(pair_ + pair_ +
                     R"(client_certificate { mode: MODE_OPTIONAL ca_files: "ca.pem" max_depth: 3
                          names { uri_prefix: "spiffe://example.com/" } names { ip: "10.0.0.1" }
                          names { dns_wildcard: "*.example.com" } names { email_suffix: "@a.b" } }
                        tickets { key_file: "tickets" } session_cache { capacity: 0 }
                        session_lifetime { seconds: 60 } alpn: "h2" alpn: "http/1.1"
                        min_version: TLS_1_3 max_version: TLS_1_3
                        handshake_timeout { seconds: 3 } max_handshakes_per_second: 100)"),
            "");
  EXPECT_EQ(timeout_, std::chrono::seconds(3));
  EXPECT_EQ(findings(pair_ + "tickets { off: true }"), "");
  EXPECT_EQ(findings(pair_ + "tickets { rotation { seconds: 3600 } }"), "");
  EXPECT_EQ(findings(pair_ + "client_certificate { sha256: \"" + pki_.client.sha256Hex() + "\" }"),
            "");
}

TEST_F(TlsConfig, ReportsEveryFieldThatIsWrong) {
  EXPECT_EQ(findings(""), "certificates: a listener needs a certificate\n");
  EXPECT_EQ(findings("certificates {}"),
            "certificates[0].certificate_file: is required\n"
            "certificates[0].private_key_file: is required\n");
  EXPECT_EQ(findings(pair_ + "min_version: TLS_1_3 max_version: TLS_1_2"),
            "min_version: is above max_version\n");
  EXPECT_EQ(findings(pair_ + "alpn: \"\""), "alpn[0]: is no application protocol\n");
  EXPECT_EQ(findings(pair_ + "client_certificate {}"),
            "client_certificate.ca_files: nobody could be trusted\n");
  EXPECT_EQ(findings(pair_ + "client_certificate { ca_files: \"ca.pem\" names {} }"),
            "client_certificate.names[0]: says no name\n");
  EXPECT_EQ(findings(pair_ + "tickets { off: true key_file: \"x\" }"),
            "tickets.key_file: given although tickets are off\n");
  EXPECT_EQ(findings(pair_ + "tickets { key_file: \"x\" rotation { seconds: 60 } }"),
            "tickets.rotation: given together with key_file\n");
}

TEST_F(TlsConfig, ReportsRanges) {
  EXPECT_NE(findings(pair_ + "handshake_timeout { nanos: 1 }"), "");
  EXPECT_NE(findings(pair_ + "max_handshakes_per_second: 1000001"), "");
  EXPECT_NE(findings(pair_ + "session_lifetime { seconds: 604801 }"), "");
  EXPECT_NE(findings(pair_ + "session_cache { capacity: 1000001 }"), "");
  EXPECT_NE(findings(pair_ + "tickets { rotation { seconds: 1 } }"), "");
  EXPECT_NE(findings(pair_ + "client_certificate { ca_files: \"ca.pem\" max_depth: 17 }"), "");
}

TEST_F(TlsConfig, ReportsFilesAtTheirField) {
  const auto starts = [&](const std::string& fields, std::string_view path) {
    const std::string found = findings(fields);
    EXPECT_TRUE(found.starts_with(base::concat(path, ": "))) << fields << "\n" << found;
  };
  starts("certificates { certificate_file: \"none.pem\" private_key_file: \"server.key\" }",
         "certificates[0].certificate_file");
  starts(pair_ + "certificates { certificate_file: \"server.pem\" private_key_file: \"none\" }",
         "certificates[1].private_key_file");
  starts("certificates { certificate_file: \"server.pem\" private_key_file: \"client.key\" }",
         "certificates[0].private_key_file");
  const auto expired = test::issue(pki_.authority, {.ends = std::chrono::seconds(-10)});
  pki_.folder().write("expired.pem", expired.pem());
  pki_.folder().write("expired.key", expired.keyPem());
  starts("certificates { certificate_file: \"expired.pem\" private_key_file: \"expired.key\" }",
         "certificates[0].certificate_file");
  starts(
      "certificates { certificate_file: \"server.pem\" private_key_file: \"server.key\" "
      "ocsp_file: \"server.key\" }",
      "certificates[0].ocsp_file");
  starts(pair_ + "client_certificate { ca_files: \"ca.pem\" ca_files: \"none\" }",
         "client_certificate.ca_files[1]");
  starts(pair_ + "client_certificate { ca_files: \"ca.pem\" crl_files: \"server.key\" }",
         "client_certificate.crl_files[0]");
  starts(pair_ + "tickets { key_file: \"server.key\" }", "tickets.key_file");
}

TEST_F(TlsConfig, IsForListeners) {
  config::Diagnostics diagnostics;
  loader_.loadText(
      "admin { address: \"127.0.0.1:1\" } clusters { name: \"c\" endpoints { address: "
      "\"10.0.0.1:1\" } transport_socket { config { [transport_sockets/tls] {} } } }",
      "w", 1, diagnostics);
  EXPECT_NE(diagnostics.toString().find("use transport_sockets/upstream_tls"), std::string::npos);
}

}  // namespace
}  // namespace weir::extensions::transport_sockets::tls
