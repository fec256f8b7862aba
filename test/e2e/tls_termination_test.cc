// TLS ends at Weir: curl and openssl s_client, which share nothing with its library, at the other
// end.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/programs.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::Command;
using test::Finished;
using test::RawConnection;
using test::ScriptedOrigin;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kRequest[] =
    "printf 'GET / HTTP/1.1\\r\\nHost: www.weir.example\\r\\nConnection: close\\r\\n\\r\\n'";

class TlsTerminationTest : public ::testing::Test {
 protected:
  static std::string certificate(const test::CertificateAuthority::Pair& pair) {
    return "certificates { certificate_file: \"" + pair.certificate + "\" private_key_file: \"" +
           pair.key + "\" }\n";
  }
  // A listener for whoever comes, and one for those with a certificate of the authority.
  std::string listener(const std::string& name, const std::string& tls) {
    std::string text =
        test::edgeListener("client_certificate_header { mode: MODE_SANITIZE_SET subject: true }");
    text.replace(text.find("edge"), 4, name);
    const std::string socket =
        "transport_socket { config { [transport_sockets/tls] { " + tls + " } } }\n";
    return text.insert(text.find("filters {", text.find("filter_chains") + 14), socket);
  }
  std::string configuration() {
    const std::string pairs = certificate(ca_.issue("www", "DNS:www.weir.example")) +
                              certificate(ca_.issue("www-rsa", "DNS:www.weir.example", true)) +
                              certificate(ca_.issue("wild", "DNS:*.wild.example"));
    return listener("open", pairs) +
           listener("closed", pairs + "client_certificate { ca_files: \"" + ca_.file() + "\" }") +
           test::edgeListener() + test::cluster("origin", {origin_.address()}) + test::runtime();
  }

  void SetUp() override { ASSERT_NE(weir_.port("open"), 0) << weir_.process().err(); }

  Finished get(const std::string& listener, Command more = {},
               const std::string& host = "www.weir.example") {
    const std::string port = std::to_string(weir_.port(listener));
    more.insert(more.end(), {"--cacert", ca_.file(), "--resolve", host + ":" + port + ":127.0.0.1",
                             "https://" + host + ":" + port + "/"});
    return test::curl(more);
  }
  // What s_client says, both streams; `input` is a command whose output it sends.
  std::string sClient(const std::string& listener, const std::string& arguments,
                      const std::string& input = kRequest) {
    const std::string connect =
        "openssl s_client -connect 127.0.0.1:" + std::to_string(weir_.port(listener)) +
        " -servername www.weir.example -CAfile " + ca_.file() + " ";
    const Finished finished =
        test::runToEnd({"sh", "-c", input + " | " + connect + arguments + " 2>&1"});
    return finished.out;
  }

  test::TemporaryFolder folder_;
  test::CertificateAuthority ca_{folder_};
  ScriptedOrigin origin_{ScriptedOrigin::echoing()};
  test::WeirProcess weir_{configuration()};
};

TEST_F(TlsTerminationTest, CurlIsServedByTls12And13Only) {
  for (const char* version : {"1.2", "1.3"}) {
    const Finished answer =
        get("open", {"--tlsv1.2", "--tls-max", version, "--verbose", "--http1.1"});
    EXPECT_EQ(answer.code, 0) << answer.err;
    EXPECT_THAT(answer.err, HasSubstr(std::string("SSL connection using TLSv") + version));
    EXPECT_THAT(answer.out, HasSubstr("x-forwarded-proto: https"));
  }
  EXPECT_NE(get("open", {"--tlsv1.0", "--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0"}).code, 0);
}

TEST_F(TlsTerminationTest, ProtocolNamesAreAgreedUpon) {
  EXPECT_THAT(sClient("open", "-alpn http/1.1 -ign_eof"),
              AllOf(HasSubstr("ALPN protocol: http/1.1"), HasSubstr("HTTP/1.1 200")));
  EXPECT_THAT(sClient("open", "-alpn h2,http/1.1 -ign_eof"), HasSubstr("ALPN protocol: h2"));
  EXPECT_THAT(sClient("open", "-ign_eof"),
              AllOf(HasSubstr("No ALPN negotiated"), HasSubstr("HTTP/1.1 200")));
}

TEST_F(TlsTerminationTest, ModernGroupsAndSuites) {
  EXPECT_THAT(sClient("open", "-ign_eof"), HasSubstr("Server Temp Key: X25519"));
  EXPECT_THAT(sClient("open", "-ign_eof -groups P-256"),
              HasSubstr("Server Temp Key: ECDH, prime256v1"));
  EXPECT_THAT(sClient("open", "-ign_eof -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256"),
              HasSubstr("HTTP/1.1 200"));
  for (const char* weak :
       {"AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "DHE-RSA-AES128-GCM-SHA256"}) {
    EXPECT_THAT(sClient("open", std::string("-tls1_2 -cipher ") + weak),
                HasSubstr("Cipher is (NONE)"))
        << weak;
  }
}

TEST_F(TlsTerminationTest, CertificatesByNameAndByKey) {
  EXPECT_THAT(sClient("open", "-alpn h2,http/1.1 -ign_eof"), HasSubstr("ALPN protocol: h2"));
  EXPECT_THAT(sClient("open", "-ign_eof"), HasSubstr("Peer signature type: ECDSA"));
  EXPECT_THAT(sClient("open", "-ign_eof -sigalgs rsa_pss_rsae_sha256"),
              HasSubstr("Peer signature type: RSA-PSS"));
  EXPECT_EQ(get("open", {}, "a.wild.example").code, 0);
  EXPECT_EQ(get("open", {}, "a.b.wild.example").code, 60);  // not a name of the certificate
}

TEST_F(TlsTerminationTest, SessionsAreResumed) {
  for (const char* version : {"-tls1_2", "-tls1_3"}) {
    const std::string session = folder_.file(std::string("session") + version);
    const std::string first =
        sClient("open", std::string(version) + " -ign_eof -sess_out " + session);
    EXPECT_THAT(first, AllOf(HasSubstr("New, TLSv1"), HasSubstr("HTTP/1.1 200")));
    const std::string second =
        sClient("open", std::string(version) + " -ign_eof -sess_in " + session);
    EXPECT_THAT(second, AllOf(HasSubstr("Reused, TLSv1"), HasSubstr("HTTP/1.1 200"))) << version;
  }
  EXPECT_THAT(sClient("open", "-tls1_3 -ign_eof"), HasSubstr("Max Early Data: 0"));
}

TEST_F(TlsTerminationTest, ClientCertificatesAreAskedForAndForwarded) {
  const auto client = ca_.issue("client", "URI:spiffe://weir.example/client");
  for (const char* version : {"1.2", "1.3"}) {
    const Finished known =
        get("closed", {"--tls-max", version, "--cert", client.certificate, "--key", client.key});
    EXPECT_EQ(known.code, 0) << known.err;
    EXPECT_THAT(known.out, AllOf(HasSubstr("x-forwarded-client-cert: "),
                                 HasSubstr("URI=spiffe://weir.example/client"),
                                 HasSubstr("Subject=\"CN=client\"")));
    EXPECT_NE(get("closed", {"--tls-max", version}).code, 0);
    test::CertificateAuthority other(folder_, "other");
    const auto stranger = other.issue("stranger", "URI:spiffe://weir.example/client");
    EXPECT_NE(
        get("closed", {"--tls-max", version, "--cert", stranger.certificate, "--key", stranger.key})
            .code,
        0);
  }
  EXPECT_THAT(get("open", {"--header", "X-Forwarded-Client-Cert: URI=spiffe://forged"}).out,
              Not(HasSubstr("forged")));
}

TEST_F(TlsTerminationTest, RenegotiationIsRefused) {
  // "R" on a line asks s_client to renegotiate.
  const std::string said = sClient("open", "-tls1_2 -msg", "(echo R; cat /dev/null)");
  EXPECT_THAT(said, AllOf(HasSubstr("RENEGOTIATING"), Not(HasSubstr("HTTP/1.1 200"))));
  EXPECT_THAT(said, ::testing::AnyOf(HasSubstr("no renegotiation"), HasSubstr("no_renegotiation"),
                                     HasSubstr("unexpected_message"), HasSubstr("unexpected eof")));
  EXPECT_EQ(get("open").code, 0);
}

TEST_F(TlsTerminationTest, PlainOnTlsAndTlsOnPlainEndPromptly) {
  RawConnection plain = RawConnection::connectTo(weir_.port("open"));
  ASSERT_TRUE(plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_THAT(plain.readAll(), StartsWith("HTTP/1.1 400"));
  RawConnection garbage = RawConnection::connectTo(weir_.port("open"));
  ASSERT_TRUE(garbage.send(std::string(300, '\x80')));
  garbage.readAll();
  const Finished tls =
      test::curl({"--insecure", "https://127.0.0.1:" + std::to_string(weir_.port("edge")) + "/"});
  EXPECT_EQ(tls.code, 35) << tls.err;  // the handshake failed
  EXPECT_EQ(get("open").code, 0);
}

}  // namespace
}  // namespace weir
