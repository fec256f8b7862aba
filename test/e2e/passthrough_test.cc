// TLS passes through undecrypted, to the server that the client named by SNI.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/programs.h"
#include "test/support/configs.h"
#include "test/support/raw_connection.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::Finished;
using test::RawConnection;
using ::testing::HasSubstr;

class PassthroughTest : public ::testing::Test {
 protected:
  // Each server has its own authority, so that only the right one is trusted.
  std::string server(const std::string& name, uint16_t port, test::CertificateAuthority& ca) {
    const auto pair = ca.issue(name, "DNS:" + name + ".example,DNS:*." + name + ".example", true);
    return "server { listen 127.0.0.1:" + std::to_string(port) +
           " ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate " + pair.certificate +
           "; ssl_certificate_key " + pair.key + "; location / { return 200 \"" + name +
           " $ssl_server_name $ssl_protocol\\n\"; } }\n";
  }

  std::string listener() {
    const auto chain = [](const std::string& names, const std::string& cluster) {
      return "  filter_chains { name: \"" + cluster + "\" match { " + names +
             " } filters { config { [network_filters/tcp_proxy] { cluster: \"" + cluster +
             "\" } } } }\n";
    };
    return "listeners { name: \"edge\" address: \"127.0.0.1:0\"\n"
           "  listener_filters { config { [listener_filters/tls_inspector] {} } }\n" +
           chain(R"(server_names: "red.example" server_names: "*.red.example")", "red") +
           chain(R"(server_names: "*.blue.example")", "blue") + "}\n" +
           test::cluster("red", {"127.0.0.1:" + std::to_string(red_port_)}) +
           test::cluster("blue", {"127.0.0.1:" + std::to_string(blue_port_)});
  }

  void SetUp() override {
    ASSERT_TRUE(nginx_.ready()) << nginx_.log();
    ASSERT_NE(weir_.port("edge"), 0) << weir_.process().err();
  }

  Finished get(const std::string& host, const std::string& trusted,
               std::vector<std::string> more = {}) {
    const std::string port = std::to_string(weir_.port("edge"));
    more.insert(more.end(), {"--cacert", trusted, "--resolve", host + ":" + port + ":127.0.0.1",
                             "https://" + host + ":" + port + "/"});
    return test::curl(more);
  }

  test::TemporaryFolder folder_;
  uint16_t red_port_ = test::freePort();
  uint16_t blue_port_ = test::freePort();
  test::CertificateAuthority red_ca_{folder_, "red-ca"};
  test::CertificateAuthority blue_ca_{folder_, "blue-ca"};
  test::Nginx nginx_{server("red", red_port_, red_ca_) + server("blue", blue_port_, blue_ca_),
                     {red_port_, blue_port_}};
  test::WeirProcess weir_{listener() + test::runtime()};
};

TEST_F(PassthroughTest, TheNamedServerAnswersWithItsOwnCertificate) {
  EXPECT_EQ(get("red.example", red_ca_.file()).out, "red red.example TLSv1.3\n");
  EXPECT_EQ(get("www.red.example", red_ca_.file()).out, "red www.red.example TLSv1.3\n");
  EXPECT_EQ(get("www.blue.example", blue_ca_.file()).out, "blue www.blue.example TLSv1.3\n");
  // Names have no case.
  EXPECT_EQ(get("WWW.Blue.example", blue_ca_.file()).code, 0);
  EXPECT_EQ(get("red.example", red_ca_.file(), {"--tls-max", "1.2"}).out,
            "red red.example TLSv1.2\n");
  // 60: the certificate is not of that authority.
  EXPECT_EQ(get("red.example", blue_ca_.file()).code, 60);
}

TEST_F(PassthroughTest, NamesThatNobodyServesAndNoNameAreRefused) {
  EXPECT_NE(get("green.example", red_ca_.file()).code, 0);
  EXPECT_NE(get("blue.example", blue_ca_.file()).code, 0);  // the wildcard needs a label
  const std::string port = std::to_string(weir_.port("edge"));
  const Finished unnamed = test::curl({"--insecure", "https://127.0.0.1:" + port + "/"});
  EXPECT_NE(unnamed.code, 0);
  RawConnection plain = RawConnection::connectTo(weir_.port("edge"));
  ASSERT_TRUE(plain.send("GET / HTTP/1.1\r\nHost: red.example\r\n\r\n"));
  EXPECT_TRUE(plain.closedByPeer());
  EXPECT_EQ(get("red.example", red_ca_.file()).code, 0);
}

}  // namespace
}  // namespace weir
