// TLS between Weir and an endpoint: nginx says who it was that came, and with what.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/programs.h"
#include "test/support/configs.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::Finished;
using ::testing::HasSubstr;

class UpstreamTlsTest : public ::testing::Test {
 protected:
  std::string server() {
    const auto pair =
        ca_.issue("server", "DNS:origin.weir.example,URI:spiffe://weir.example/origin");
    return "server { listen 127.0.0.1:" + std::to_string(port_) +
           " ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate " + pair.certificate +
           "; ssl_certificate_key " + pair.key + "; ssl_client_certificate " + ca_.file() +
           "; ssl_verify_client optional; keepalive_requests 1; location / { return "
           "200 \"$ssl_client_s_dn|$ssl_server_name|$ssl_protocol|$ssl_session_reused|\"; } }\n";
  }

  // Clusters that differ in what they ask of the endpoint, each below a path of its name.
  std::string configuration() {
    const auto client = ca_.issue("weir", "URI:spiffe://weir.example/proxy");
    const std::string trust = "ca_files: \"" + ca_.file() + "\" ";
    const std::string name = "server_name: \"origin.weir.example\" ";
    const std::string shown = "client_certificate { certificate_file: \"" + client.certificate +
                              "\" private_key_file: \"" + client.key + "\" } ";
    std::string routes;
    std::string clusters;
    const auto add = [&](const std::string& cluster, const std::string& tls) {
      routes += "routes { match { prefix: \"/" + cluster + "\" } route { cluster: \"" + cluster +
                "\" } } ";
      clusters += test::cluster(
          cluster, {"127.0.0.1:" + std::to_string(port_)},
          "transport_socket { config { [transport_sockets/upstream_tls] { " + tls + "} } }");
    };
    add("named", trust + name);
    add("shown", trust + name + shown);
    add("old", trust + name + "max_version: TLS_1_2 ");
    add("identity", trust + "names { uri: \"spiffe://weir.example/origin\" } ");
    add("other-identity", trust + "names { uri: \"spiffe://weir.example/other\" } ");
    add("other-name", trust + "server_name: \"other.weir.example\" ");
    add("no-name", trust);
    add("untrusted", "ca_files: \"" + other_ca_.file() + "\" " + name);
    add("system", name);
    return test::edgeListener({}, routes) + clusters + test::runtime(1);
  }

  void SetUp() override {
    ASSERT_TRUE(nginx_.ready()) << nginx_.log();
    ASSERT_NE(weir_.port("edge"), 0) << weir_.process().err();
  }
  std::string get(const std::string& cluster) {
    return test::curl({"--write-out", "%{http_code}", weir_.url("edge", "/" + cluster)}).out;
  }

  test::TemporaryFolder folder_;
  uint16_t port_ = test::freePort();
  test::CertificateAuthority ca_{folder_};
  test::CertificateAuthority other_ca_{folder_, "other"};
  test::Nginx nginx_{server(), {port_}};
  test::WeirProcess weir_{configuration()};
};

TEST_F(UpstreamTlsTest, TheEndpointIsAskedForByNameAndShownACertificate) {
  EXPECT_THAT(get("named"), HasSubstr("|origin.weir.example|TLSv1.3|"));
  EXPECT_THAT(get("shown"), HasSubstr("CN=weir|origin.weir.example|TLSv1.3|"));
  EXPECT_THAT(get("old"), HasSubstr("|origin.weir.example|TLSv1.2|"));
  EXPECT_THAT(get("identity"), HasSubstr("||TLSv1.3|"));
}

TEST_F(UpstreamTlsTest, EndpointsThatAreNotWhoTheyShouldBeGetNothing) {
  for (const char* cluster : {"other-identity", "other-name", "no-name", "untrusted", "system"}) {
    EXPECT_THAT(get(cluster), ::testing::EndsWith("503")) << cluster;
  }
  EXPECT_THAT(get("named"), ::testing::EndsWith("200"));
}

TEST_F(UpstreamTlsTest, SessionsAreResumed) {
  // nginx closes after each request, so each has a connection of its own.
  for (const char* cluster : {"named", "old"}) {
    EXPECT_THAT(get(cluster), HasSubstr("|.|200"));
    EXPECT_THAT(get(cluster), HasSubstr("|r|200")) << cluster;
  }
}

}  // namespace
}  // namespace weir
