#include "extensions/transport_sockets/upstream_tls/client_side.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "extensions/transport_sockets/upstream_tls/client_transport.h"
#include "test/extensions/transport_sockets/common/tls_worker_fixture.h"
#include "test/network/support.h"
#include "test/support/eventually.h"

namespace weir::extensions::transport_sockets::upstream_tls {
namespace {

using test::Driven;
using test::IoResult;
using test::TlsPeer;
using test::TlsWorkerFixture;
namespace certificates = weir::test;

constexpr std::chrono::hours kLongAgo{-24 * 3650};
constexpr std::chrono::hours kLongAfter{24 * 3650};

// A cluster's TLS on one worker, and endpoints of it on loopback.
class ClientSideTest : public testing::Test {
 protected:
  ClientSideTest() {
    options_->cluster = "web";
    options_->sessions = std::make_shared<SessionCache>(100, std::chrono::hours(1));
    files_.trust = TrustFiles{.ca_files = {folder_.write("ca.pem", root_.pem())}};
  }
  static certificates::TestCertificate authority(const std::string& name) {
    return certificates::selfSigned(
        {.common_name = name, .starts = kLongAgo, .ends = kLongAfter, .authority = true});
  }
  certificates::TestCertificate leaf(certificates::CertificateSpec spec) const {
    spec.starts = kLongAgo;
    spec.ends = kLongAfter;
    return certificates::issue(root_, spec);
  }
  void bind() {
    std::vector<MaterialProblem> problems;
    std::vector<std::string> warnings;
    options_->material =
        MaterialStore::load(files_, worker_.dispatcher.systemNow(), problems, warnings);
    for (const auto& problem : problems) ADD_FAILURE() << problem.status;
    factory_ =
        std::make_unique<ClientTransportFactory>(std::make_shared<const ClientOptions>(*options_));
    bound_ = factory_->bind(worker_.services);
  }
  // "" when a connection to such an endpoint comes up, else why it does not.
  std::string outcome(TlsPeer::Options peer_options, std::string_view host = {}) {
    if (bound_ == nullptr) bind();
    peer_options.server = true;
    auto pair = network::test::tcpPair();
    ours_ = std::make_unique<Driven>(bound_->create({.server_name = host}), std::move(pair.ours),
                                     worker_.io.blocks());
    peer_ = std::make_unique<TlsPeer>(std::move(pair.peer), peer_options);
    bool up = false;
    weir::test::eventually([&] {
      if (!up) up = ours_->handshake().state == IoResult::State::kOk;
      peer_->step();
      return (up && peer_->state() == TlsPeer::State::kDone) ||
             ours_->last.state == IoResult::State::kError;
    });
    if (!up) return ours_->transport().reason();
    peer_->write("banner");
    std::string got;
    weir::test::eventually([&] {
      got += ours_->read();
      return got.size() >= 6 || ours_->last.state == IoResult::State::kError;
    });
    if (ours_->last.state == IoResult::State::kError) return ours_->transport().reason();
    return got == "banner" ? "" : "lost bytes";
  }
  int64_t stat(std::string_view name, stats::Labels more = {}) {
    more.insert(more.begin(), {"cluster", "web"});
    return store_.valueOf(name, more);
  }

  const certificates::TestCertificate root_ = authority("Test Root");
  const certificates::TestCertificate server_ =
      leaf({.common_name = "server", .dns = {"shop.example"}, .ips = {"127.0.0.1"}});
  const certificates::TestFolder folder_;
  MaterialFiles files_;
  std::shared_ptr<ClientOptions> options_ = std::make_shared<ClientOptions>();
  stats::Store store_;
  TlsWorkerFixture worker_{store_};
  std::unique_ptr<ClientTransportFactory> factory_;
  std::unique_ptr<network::WorkerTransportSocketFactory> bound_;
  std::unique_ptr<Driven> ours_;
  std::unique_ptr<TlsPeer> peer_;
};

TEST_F(ClientSideTest, FixedName) {
  options_->server_name = "shop.example";
  EXPECT_EQ(outcome({.certificate = server_}), "");
  EXPECT_STREQ(SSL_get_servername(peer_->ssl(), TLSEXT_NAMETYPE_host_name), "shop.example");
  EXPECT_TRUE(ours_->transport().security()->peerVerified());
  EXPECT_EQ(ours_->transport().security()->peerCertificate()->subject, "CN=server,O=Weir Test");
  EXPECT_EQ(outcome({.most = TLS1_2_VERSION, .certificate = server_}), "");
  const std::string why =
      outcome({.certificate = leaf({.common_name = "other", .dns = {"other.example"}})});
  EXPECT_TRUE(why.starts_with("the peer's certificate was refused: ")) << why;
  EXPECT_EQ(stat("tls_handshake_failures_total", {{"reason", "peer_certificate"}}), 1);
  EXPECT_EQ(stat("tls_handshakes_total", {{"version", "TLSv1.2"}}), 1);
}

TEST_F(ClientSideTest, NameFromTheHost) {
  options_->server_name = "fallback.example";
  options_->server_name_from_host = true;
  bind();
  EXPECT_TRUE(factory_->needs().server_name);
  EXPECT_EQ(outcome({.certificate = server_}, "Shop.Example"), "");
  EXPECT_STREQ(SSL_get_servername(peer_->ssl(), TLSEXT_NAMETYPE_host_name), "shop.example");
  EXPECT_NE(outcome({.certificate = server_}, "other.example"), "");
  EXPECT_NE(outcome({.certificate = server_}), "");
  EXPECT_STREQ(SSL_get_servername(peer_->ssl(), TLSEXT_NAMETYPE_host_name), "fallback.example");
  // An address is no name for SNI, but may be in the certificate.
  EXPECT_EQ(outcome({.certificate = server_}, "127.0.0.1"), "");
  EXPECT_EQ(SSL_get_servername(peer_->ssl(), TLSEXT_NAMETYPE_host_name), nullptr);
  EXPECT_NE(outcome({.certificate = server_}, "127.0.0.2"), "");
  EXPECT_NE(outcome({.certificate = server_}, "[::1]"), "");
}

TEST_F(ClientSideTest, WithoutANameTheAddressCounts) {
  EXPECT_EQ(outcome({.certificate = server_}), "");
  EXPECT_EQ(SSL_get_servername(peer_->ssl(), TLSEXT_NAMETYPE_host_name), nullptr);
  EXPECT_NE(outcome({.certificate = leaf({.common_name = "a", .ips = {"10.0.0.1"}})}), "");
  // Unless rules say who it may be.
  options_->policy.names = {*SanMatcher::create(SanMatcher::Type::kUri, SanMatcher::Match::kExact,
                                                "spiffe://example.com/a")};
  bind();
  EXPECT_EQ(
      outcome({.certificate = leaf({.common_name = "a", .uris = {"spiffe://example.com/a"}})}), "");
  EXPECT_NE(outcome({.certificate = server_}), "");
}

TEST_F(ClientSideTest, OfAnotherAuthorityOrRevoked) {
  options_->server_name = "shop.example";
  const auto stranger = certificates::issue(
      authority("Other"),
      {.common_name = "s", .dns = {"shop.example"}, .starts = kLongAgo, .ends = kLongAfter});
  EXPECT_NE(outcome({.certificate = stranger}), "");
  EXPECT_EQ(peer_->error, "TLSV1_ALERT_UNKNOWN_CA");
  files_.trust->crl_files = {folder_.write(
      "crl", certificates::makeCrl(root_, {server_}, {.starts = kLongAgo, .ends = kLongAfter}))};
  bind();
  EXPECT_NE(outcome({.certificate = server_}).find("revoked"), std::string::npos);
}

TEST_F(ClientSideTest, PinnedByHash) {
  files_.trust.reset();
  options_->policy.certificate_hashes = {certificateHash(*server_.x509())};
  EXPECT_EQ(outcome({.certificate = server_}), "");
  EXPECT_NE(outcome({.certificate = leaf({.common_name = "b", .ips = {"127.0.0.1"}})}), "");
}

TEST_F(ClientSideTest, NothingIsVerifiedWhenToldSo) {
  files_.trust.reset();
  options_->verify = false;
  EXPECT_EQ(outcome({.certificate = certificates::selfSigned({.common_name = "anybody"})}), "");
  EXPECT_FALSE(ours_->transport().security()->peerVerified());
}

TEST_F(ClientSideTest, ShowsItsCertificate) {
  const auto client = leaf({.common_name = "client"});
  CertificateFiles files;
  files.certificate = folder_.write("client.pem", client.pem());
  files.key = folder_.write("client.key", client.keyPem());
  files_.certificates.push_back(files);
  for (const uint16_t version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    EXPECT_EQ(outcome({.most = version, .certificate = server_, .wants_certificate = true}), "");
    const bssl::UniquePtr<X509> shown(SSL_get_peer_certificate(peer_->ssl()));
    ASSERT_NE(shown, nullptr);
    EXPECT_EQ(subjectText(*shown), "CN=client,O=Weir Test");
  }
  EXPECT_EQ(ours_->transport().security()->localCertificate()->subject, "CN=client,O=Weir Test");
}

TEST_F(ClientSideTest, ApplicationProtocols) {
  options_->alpn = {"h2", "http/1.1"};
  EXPECT_EQ(outcome({.alpn = {"http/1.1"}, .certificate = server_}), "");
  EXPECT_EQ(ours_->transport().applicationProtocol(), "http/1.1");
  EXPECT_EQ(outcome({.certificate = server_}), "");
  EXPECT_EQ(ours_->transport().applicationProtocol(), "");
  EXPECT_NE(outcome({.alpn = {"other"}, .certificate = server_}), "");
}

TEST_F(ClientSideTest, Versions) {
  EXPECT_EQ(outcome({.most = TLS1_1_VERSION, .certificate = server_}),
            "the peer refuses our protocol versions");
  options_->versions.least = TLS1_3_VERSION;
  bind();
  EXPECT_NE(outcome({.most = TLS1_2_VERSION, .certificate = server_}), "");
}

TEST_F(ClientSideTest, ResumesSessions) {
  for (const uint16_t version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto listening = network::test::listenOnLoopback();
    const network::Address address = network::test::addressOf(listening.get());
    options_->sessions = std::make_shared<SessionCache>(100, std::chrono::hours(1));
    bind();
    bssl::UniquePtr<SSL_CTX> context;
    const auto connectOnce = [&] {
      base::UniqueFd near(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      EXPECT_EQ(::connect(near.get(), address.data(), address.length()), 0);
      base::UniqueFd far(::accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK));
      ::fcntl(near.get(), F_SETFL, O_NONBLOCK);
      ours_ = std::make_unique<Driven>(bound_->create({}), std::move(near), worker_.io.blocks());
      peer_ = std::make_unique<TlsPeer>(
          std::move(far),
          TlsPeer::Options{
              .server = true, .most = version, .certificate = server_, .context = context.get()});
      context = bssl::UpRef(peer_->context());
      bool up = false;
      weir::test::eventually([&] {
        if (!up) up = ours_->handshake().state == IoResult::State::kOk;
        peer_->step();
        return up && peer_->state() == TlsPeer::State::kDone;
      });
      peer_->write("x");
      weir::test::eventually([&] { return !ours_->read().empty(); });
      return SSL_session_reused(peer_->ssl()) != 0;
    };
    EXPECT_FALSE(connectOnce());
    EXPECT_TRUE(connectOnce());
    EXPECT_TRUE(ours_->transport().security()->resumed());
    EXPECT_TRUE(ours_->transport().security()->peerVerified());
  }
  EXPECT_EQ(stat("tls_handshakes_resumed_total"), 2);
}

TEST_F(ClientSideTest, EndpointThatSpeaksNoTls) {
  bind();
  auto pair = network::test::tcpPair();
  Driven ours(bound_->create({}), std::move(pair.ours), worker_.io.blocks());
  ours.handshake();
  static_cast<void>(network::test::fillSocket(pair.peer.get(), "HTTP/1.1 400 Bad Request\r\n\r\n"));
  weir::test::eventually([&] { return ours.handshake().state != IoResult::State::kWouldBlock; });
  EXPECT_EQ(ours.last.state, IoResult::State::kError);
  EXPECT_EQ(ours.transport().reason(), "what came is not TLS");
}

}  // namespace
}  // namespace weir::extensions::transport_sockets::upstream_tls
