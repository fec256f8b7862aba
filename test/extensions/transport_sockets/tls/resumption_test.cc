// Tickets and sessions: who resumes where, and who must not.

#include "test/extensions/transport_sockets/tls/server_fixture.h"

namespace weir::extensions::transport_sockets::tls {
namespace {

class ResumptionTest : public ServerTest {
 protected:
  // A session of a connection like that, once the server has written something.
  bssl::UniquePtr<SSL_SESSION> sessionOf(const TlsPeer::Options& options) {
    Pair pair = secured(options);
    pair.ours->write("x");
    pair.peer->read();
    return std::move(pair.peer->session);
  }
  bool resumes(const TlsPeer::Options& options, SSL_SESSION* session) {
    TlsPeer::Options again = options;
    again.session = session;
    Pair pair = secured(again);
    const bool resumed = SSL_session_reused(pair.peer->ssl()) != 0;
    EXPECT_EQ(pair.ours->transport().security()->resumed(), resumed);
    return resumed;
  }
};

const TlsPeer::Options kKinds[] = {
    {.most = TLS1_2_VERSION}, {.most = TLS1_2_VERSION, .tickets = false}, {.most = TLS1_3_VERSION}};

TEST_F(ResumptionTest, TicketsAndSessions) {
  for (const TlsPeer::Options& options : kKinds) {
    const auto session = sessionOf(options);
    ASSERT_NE(session, nullptr);
    EXPECT_TRUE(resumes(options, session.get()));
  }
  EXPECT_EQ(stat("tls_handshakes_resumed_total"), 3);
}

TEST_F(ResumptionTest, OnAnotherWorker) {
  for (const TlsPeer::Options& options : kKinds) {
    const auto session = sessionOf(options);
    TlsWorkerFixture other(store_, 2);
    const auto bound = factory_->bind(other.services);
    TlsPeer::Options again = options;
    again.session = session.get();
    Pair pair = connectTo(*bound, other, again);
    ASSERT_TRUE(test::shakeHands(other, *pair.ours, *pair.peer));
    EXPECT_EQ(SSL_session_reused(pair.peer->ssl()), 1);
  }
}

TEST_F(ResumptionTest, OnAnotherNodeWithTheSameKeyFile) {
  std::string key;
  for (int i = 0; i < 80; ++i) key.push_back(static_cast<char>(130 + i));
  files_.tickets = TicketKeyOptions{.file = folder_.write("tickets", key)};
  for (const TlsPeer::Options& options : {kKinds[0], kKinds[2]}) {
    bind();
    const auto session = sessionOf(options);
    bind();
    EXPECT_TRUE(resumes(options, session.get()));
  }
  files_.tickets = TicketKeyOptions();
  const auto session = sessionOf(kKinds[2]);
  bind();
  EXPECT_FALSE(resumes(kKinds[2], session.get()));
}

TEST_F(ResumptionTest, WithNewCertificates) {
  std::string key;
  for (int i = 0; i < 80; ++i) key.push_back(static_cast<char>(130 + i));
  files_.tickets = TicketKeyOptions{.file = folder_.write("tickets", key)};
  bind();
  const auto session = sessionOf(kKinds[2]);
  serveOnly(leaf(root_, {.common_name = "renewed", .dns = {"localhost"}}));
  bind();
  EXPECT_TRUE(resumes(kKinds[2], session.get()));
  EXPECT_EQ(shown(*secured().peer), "CN=renewed,O=Weir Test");
}

TEST_F(ResumptionTest, CanBeTurnedOff) {
  files_.tickets.reset();
  options_->sessions.reset();
  for (const TlsPeer::Options& options : kKinds) {
    Pair pair = secured(options);
    pair.ours->write("x");
    pair.peer->read();
    if (pair.peer->session == nullptr) continue;
    EXPECT_FALSE(resumes(options, pair.peer->session.get()));
  }
}

TEST_F(ResumptionTest, NotUnderOtherRulesAboutClients) {
  const auto client = leaf(root_, {.common_name = "client"});
  const TlsPeer::Options options = {.certificate = client};
  files_.trust = TrustFiles{.ca_files = {folder_.write("ca.pem", root_.pem())}};
  std::string key;
  for (int i = 0; i < 80; ++i) key.push_back(static_cast<char>(130 + i));
  files_.tickets = TicketKeyOptions{.file = folder_.write("tickets", key)};
  bind();
  const auto before = sessionOf(options);
  // Nobody was asked then.
  options_->client_certificates = ClientCertificates::kRequired;
  bind();
  EXPECT_FALSE(resumes(options, before.get()));
  const auto asked = sessionOf(options);
  EXPECT_TRUE(resumes(options, asked.get()));
  // The peer is known all the same.
  TlsPeer::Options again = options;
  again.session = asked.get();
  Pair pair = secured(again);
  ASSERT_NE(pair.ours->transport().security()->peerCertificate(), nullptr);
  EXPECT_EQ(pair.ours->transport().security()->peerCertificate()->subject, "CN=client,O=Weir Test");
  EXPECT_TRUE(pair.ours->transport().security()->peerVerified());
  // Other rules, or another trust store.
  options_->client_rules = "other";
  bind();
  EXPECT_FALSE(resumes(options, asked.get()));
  options_->client_rules = "";
  files_.trust->ca_files.push_back(folder_.write("more.pem", authority("More").pem()));
  bind();
  EXPECT_FALSE(resumes(options, asked.get()));
}

TEST_F(ResumptionTest, NotWithACertificateThatHasExpired) {
  // Not expired for the clock on the wall, but for this one after a day.
  const auto client =
      certificates::issue(root_, {.common_name = "client",
                                  .starts = kLongAgo,
                                  .ends = std::chrono::duration_cast<std::chrono::seconds>(
                                      worker_.dispatcher.systemNow() + std::chrono::hours(24) -
                                      std::chrono::system_clock::now())});
  files_.trust = TrustFiles{.ca_files = {folder_.write("ca.pem", root_.pem())}};
  options_->client_certificates = ClientCertificates::kRequired;
  options_->session_lifetime = std::chrono::hours(72);
  TlsPeer::Options options = {.certificate = client};
  const auto session = sessionOf(options);
  worker_.dispatcher.advance(std::chrono::hours(25));
  options.session = session.get();
  Pair pair = connect(options);
  shake(pair);
  EXPECT_EQ(pair.ours->handshake().state, IoResult::State::kError);
  EXPECT_NE(pair.ours->transport().reason().find("expired"), std::string::npos)
      << pair.ours->transport().reason();
}

}  // namespace
}  // namespace weir::extensions::transport_sockets::tls
