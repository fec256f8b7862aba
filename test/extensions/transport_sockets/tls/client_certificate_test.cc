// Who may come in.

#include "test/extensions/transport_sockets/tls/server_fixture.h"

namespace weir::extensions::transport_sockets::tls {
namespace {

class ClientCertificateTest : public ServerTest {
 protected:
  ClientCertificateTest() {
    files_.trust = TrustFiles{.ca_files = {folder_.write("ca.pem", root_.pem())}};
    options_->client_certificates = ClientCertificates::kRequired;
  }
  // "" when a client with that certificate comes in, else why not; with both versions.
  std::string outcome(const certificates::TestCertificate& certificate) {
    std::string last;
    for (const uint16_t version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      Pair pair = connect({.most = version, .certificate = certificate});
      const bool up = shake(pair) && pair.ours->handshake().state == IoResult::State::kOk;
      last = up ? "" : pair.ours->transport().reason();
      if (up) {
        const auto* security = pair.ours->transport().security();
        EXPECT_EQ(security->peerVerified(), security->peerCertificate() != nullptr);
      } else {
        pair.peer->read();
        alert_ = pair.peer->error;
      }
    }
    return last;
  }
  std::string alert_;
  const certificates::TestCertificate client_ =
      leaf(root_, {.common_name = "client",
                   .dns = {"client.example"},
                   .uris = {"spiffe://example.com/client"},
                   .for_server = false});
};

TEST_F(ClientCertificateTest, Required) {
  EXPECT_EQ(outcome(client_), "");
  EXPECT_EQ(outcome({}), "the peer sent no certificate");
  EXPECT_EQ(failures("peer_certificate"), 2);
}

TEST_F(ClientCertificateTest, Optional) {
  options_->client_certificates = ClientCertificates::kOptional;
  EXPECT_EQ(outcome(client_), "");
  EXPECT_EQ(outcome({}), "");
  EXPECT_NE(outcome(leaf(authority("Other"), {.common_name = "stranger"})), "");
}

TEST_F(ClientCertificateTest, NotAsked) {
  options_->client_certificates = ClientCertificates::kNone;
  Pair pair = secured({.certificate = client_});
  EXPECT_EQ(pair.ours->transport().security()->peerCertificate(), nullptr);
}

TEST_F(ClientCertificateTest, TellsWhoItIs) {
  Pair pair = secured({.certificate = client_});
  const auto* facts = pair.ours->transport().security()->peerCertificate();
  ASSERT_NE(facts, nullptr);
  EXPECT_EQ(facts->subject, "CN=client,O=Weir Test");
  EXPECT_EQ(facts->uris, std::vector<std::string>{"spiffe://example.com/client"});
  EXPECT_EQ(facts->sha256, client_.sha256Hex());
}

TEST_F(ClientCertificateTest, OfAnotherAuthority) {
  const std::string why = outcome(leaf(authority("Other"), {.common_name = "stranger"}));
  EXPECT_TRUE(why.starts_with("the peer's certificate was refused: ")) << why;
  EXPECT_EQ(alert_, "TLSV1_ALERT_UNKNOWN_CA");
}

TEST_F(ClientCertificateTest, ExpiredOrForServersOnly) {
  const auto expired = certificates::issue(
      root_, {.common_name = "old", .starts = kLongAgo, .ends = std::chrono::hours(-24 * 3649)});
  EXPECT_NE(outcome(expired).find("expired"), std::string::npos);
  EXPECT_EQ(alert_, "SSLV3_ALERT_CERTIFICATE_EXPIRED");
  EXPECT_NE(outcome(leaf(root_, {.common_name = "server", .for_client = false})), "");
}

TEST_F(ClientCertificateTest, Revoked) {
  files_.trust->crl_files = {folder_.write(
      "crl.pem",
      certificates::makeCrl(root_, {client_}, {.starts = kLongAgo, .ends = kLongAfter}))};
  EXPECT_NE(outcome(client_).find("revoked"), std::string::npos);
  EXPECT_EQ(alert_, "SSLV3_ALERT_CERTIFICATE_REVOKED");
  EXPECT_EQ(outcome(leaf(root_, {.common_name = "other"})), "");
}

TEST_F(ClientCertificateTest, ByName) {
  options_->client_policy.names = {
      *SanMatcher::create(SanMatcher::Type::kUri, SanMatcher::Match::kPrefix,
                          "spiffe://example.com/"),
      *SanMatcher::create(SanMatcher::Type::kDns, SanMatcher::Match::kExact, "b.example")};
  EXPECT_EQ(outcome(client_), "");
  EXPECT_EQ(outcome(leaf(root_, {.common_name = "b", .dns = {"b.example"}})), "");
  EXPECT_NE(outcome(leaf(root_, {.common_name = "c", .dns = {"c.example"}})), "");
  EXPECT_EQ(alert_, "TLSV1_ALERT_ACCESS_DENIED");
}

TEST_F(ClientCertificateTest, ByHashAlone) {
  files_.trust.reset();
  const auto alone =
      certificates::selfSigned({.common_name = "alone", .starts = kLongAgo, .ends = kLongAfter});
  options_->client_policy.certificate_hashes = {certificateHash(*alone.x509())};
  EXPECT_EQ(outcome(alone), "");
  EXPECT_NE(outcome(client_), "");
  options_->client_policy = {};
  options_->client_policy.public_key_hashes = {publicKeyHash(*client_.x509())};
  bind();
  EXPECT_EQ(outcome(client_), "");
  EXPECT_NE(outcome(alone), "");
}

}  // namespace
}  // namespace weir::extensions::transport_sockets::tls
