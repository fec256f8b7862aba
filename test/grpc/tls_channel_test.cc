#include "extensions/transport_sockets/tls/server_side.h"
#include "extensions/transport_sockets/tls/server_transport.h"
#include "extensions/transport_sockets/upstream_tls/client_side.h"
#include "extensions/transport_sockets/upstream_tls/client_transport.h"
#include "test/grpc/fixture.h"
#include "test/support/test_certificates.h"

namespace weir::grpc::test {
namespace {

namespace sockets = extensions::transport_sockets;
using weir::test::TestCertificate;

// Long enough for the simulated time, whatever the real one is.
constexpr std::chrono::hours kLongAgo{-24 * 3650};
constexpr std::chrono::hours kLongAfter{24 * 3650};

TestCertificate authority(const std::string& name) {
  return weir::test::selfSigned(
      {.common_name = name, .starts = kLongAgo, .ends = kLongAfter, .authority = true});
}

// A channel and a server that talk TLS.
class TlsChannelTest : public ChannelTest {
 protected:
  std::shared_ptr<sockets::MaterialStore> load(const sockets::MaterialFiles& files) {
    std::vector<sockets::MaterialProblem> problems;
    std::vector<std::string> warnings;
    auto store =
        sockets::MaterialStore::load(files, worker_.dispatcher.systemNow(), problems, warnings);
    for (const auto& problem : problems) ADD_FAILURE() << problem.status;
    return store;
  }
  void serve(std::vector<std::string> alpn) {
    const auto leaf =
        weir::test::issue(root_, {.dns = {"grpc.example"}, .starts = kLongAgo, .ends = kLongAfter});
    sockets::CertificateFiles pair;
    pair.certificate = folder_.write("leaf.pem", leaf.pem());
    pair.key = folder_.write("leaf.key", leaf.keyPem());
    auto options = std::make_shared<sockets::tls::ServerOptions>();
    options->listener = "grpc";
    options->alpn = std::move(alpn);
    sockets::MaterialFiles files;
    files.context = "listener grpc";
    files.certificates = {pair};
    options->material = load(files);
    server_factory_ = std::make_unique<sockets::tls::ServerTransportFactory>(options);
    server_transports_ = server_factory_->bind(worker_.services());
    tls_server_ = std::make_unique<ScriptedServer>(
        worker_.io, ServerOptions{}, [this] { return server_transports_->create({}); });
    tls_server_->on_request = [](ServerStream& stream) { stream.reply("secret"); };
  }
  ChannelConfig tlsConfig(const TestCertificate& trusted) {
    auto options = std::make_shared<sockets::upstream_tls::ClientOptions>();
    options->cluster = "grpc";
    options->server_name_from_host = true;
    options->alpn = {"h2"};
    sockets::MaterialFiles files;
    files.context = "cluster grpc";
    files.trust = sockets::TrustFiles{.ca_files = {folder_.write("ca.pem", trusted.pem())}};
    options->material = load(files);
    ChannelConfig config;
    config.addresses = {tls_server_->address()};
    config.authority = "grpc.example:443";
    config.transport = std::make_shared<sockets::upstream_tls::ClientTransportFactory>(options);
    return config;
  }

  const TestCertificate root_ = authority("Root");
  weir::test::TestFolder folder_;
  std::unique_ptr<sockets::tls::ServerTransportFactory> server_factory_;
  std::unique_ptr<network::WorkerTransportSocketFactory> server_transports_;
  std::unique_ptr<ScriptedServer> tls_server_;
};

TEST_F(TlsChannelTest, TalksToAServerItTrusts) {
  serve({"h2"});
  open(tlsConfig(root_));
  start();
  ASSERT_TRUE(closed());
  EXPECT_TRUE(handler_.status->ok()) << handler_.text();
  EXPECT_EQ(handler_.messages, std::vector<std::string>{"secret"});
  EXPECT_EQ(tls_server_->stream(0).header(":scheme"), "https");
  EXPECT_EQ(tls_server_->stream(0).header(":authority"), "grpc.example:443");
  call_.reset();
  channel_.reset();
  worker_.settle();
}

TEST_F(TlsChannelTest, RefusesAServerItDoesNotTrust) {
  serve({"h2"});
  open(tlsConfig(authority("Another Root")));
  start();
  expectStatus(Code::kUnavailable, tls_server_->address().toString());
  EXPECT_EQ(channel_->state(), ChannelState::kTransientFailure);
  EXPECT_NE(handler_.text().find("certificate"), std::string::npos) << handler_.text();
}

TEST_F(TlsChannelTest, RefusesAServerOfAnotherName) {
  serve({"h2"});
  ChannelConfig config = tlsConfig(root_);
  config.authority = "other.example";
  open(std::move(config));
  start();
  expectStatus(Code::kUnavailable, "Hostname mismatch");
}

TEST_F(TlsChannelTest, WantsHttp2ByAlpn) {
  serve({});
  open(tlsConfig(root_));
  start();
  expectStatus(Code::kUnavailable, "ALPN");
}

}  // namespace
}  // namespace weir::grpc::test
