#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "extensions/transport_sockets/tls/server_side.h"
#include "extensions/transport_sockets/tls/server_transport.h"
#include "test/extensions/transport_sockets/common/tls_worker_fixture.h"

namespace weir::extensions::transport_sockets::tls {

using test::Driven;
using test::IoResult;
using test::TlsPeer;
using test::TlsWorkerFixture;
namespace certificates = weir::test;

// Long enough for the simulated time, whatever the real one is.
inline constexpr std::chrono::hours kLongAgo{-24 * 3650};
inline constexpr std::chrono::hours kLongAfter{24 * 3650};

inline certificates::TestCertificate authority(const std::string& name = "Test Root") {
  return certificates::selfSigned(
      {.common_name = name, .starts = kLongAgo, .ends = kLongAfter, .authority = true});
}
inline certificates::TestCertificate leaf(const certificates::TestCertificate& issuer,
                                          certificates::CertificateSpec spec) {
  spec.starts = kLongAgo;
  if (spec.ends > std::chrono::hours(0)) spec.ends = kLongAfter;
  return certificates::issue(issuer, spec);
}

// A listener's TLS on one worker, and clients of it.
class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    options_->listener = "edge";
    options_->sessions = std::make_shared<SessionCache>(1000, std::chrono::hours(1));
    files_.tickets = TicketKeyOptions();
    serve(server_);
  }

  // Adds a certificate to what is served.
  void serve(const certificates::TestCertificate& certificate, const std::string& ocsp = {}) {
    const std::string name = "pair" + std::to_string(files_.certificates.size());
    CertificateFiles files;
    files.certificate = folder_.write(name + ".pem", certificate.pem());
    files.key = folder_.write(name + ".key", certificate.keyPem());
    if (!ocsp.empty()) files.ocsp = folder_.write(name + ".ocsp", ocsp);
    files_.certificates.push_back(files);
  }
  void serveOnly(const certificates::TestCertificate& certificate, const std::string& ocsp = {}) {
    files_.certificates.clear();
    serve(certificate, ocsp);
  }

  // The options as they are now; loads the files anew.
  void bind() {
    std::vector<MaterialProblem> problems;
    std::vector<std::string> warnings;
    options_->material =
        MaterialStore::load(files_, worker_.dispatcher.systemNow(), problems, warnings);
    for (const auto& problem : problems) ADD_FAILURE() << problem.status;
    factory_ =
        std::make_unique<ServerTransportFactory>(std::make_shared<const ServerOptions>(*options_));
    bound_ = factory_->bind(worker_.services);
  }

  // A connection accepted on `worker`, and its client.
  struct Pair {
    std::unique_ptr<Driven> ours;
    std::unique_ptr<TlsPeer> peer;
  };
  Pair connect(const TlsPeer::Options& options = {}, int type = SOCK_STREAM) {
    if (bound_ == nullptr) bind();
    return connectTo(*bound_, worker_, options, type);
  }
  static Pair connectTo(network::WorkerTransportSocketFactory& bound, TlsWorkerFixture& worker,
                        const TlsPeer::Options& options, int type = SOCK_STREAM) {
    auto [near, far] = test::socketPair(type);
    return {std::make_unique<Driven>(bound.create({}), std::move(near), worker.io.blocks()),
            std::make_unique<TlsPeer>(std::move(far), options)};
  }
  bool shake(Pair& pair) { return test::shakeHands(worker_, *pair.ours, *pair.peer); }
  // Connects and expects that it comes up.
  Pair secured(const TlsPeer::Options& options = {}, int type = SOCK_STREAM) {
    Pair pair = connect(options, type);
    EXPECT_TRUE(shake(pair)) << pair.ours->transport().reason() << " / " << pair.peer->error;
    return pair;
  }
  // Connects and expects that it does not; the reason.
  std::string refused(const TlsPeer::Options& options) {
    Pair pair = connect(options);
    EXPECT_FALSE(shake(pair));
    last_peer_error_ = pair.peer->error;
    return pair.ours->transport().reason();
  }
  int64_t stat(std::string_view name, stats::Labels more = {}) {
    more.insert(more.begin(), {"listener", "edge"});
    return store_.valueOf(name, more);
  }
  int64_t failures(std::string_view reason) {
    return stat("tls_handshake_failures_total", {{"reason", std::string(reason)}});
  }
  // Subject of the certificate that the client was shown.
  static std::string shown(TlsPeer& peer) {
    const bssl::UniquePtr<X509> certificate(SSL_get_peer_certificate(peer.ssl()));
    return certificate == nullptr ? "none" : subjectText(*certificate);
  }

  const certificates::TestCertificate root_ = authority();
  const certificates::TestCertificate server_ =
      leaf(root_, {.common_name = "server", .dns = {"localhost"}});
  const certificates::TestFolder folder_;
  MaterialFiles files_;
  std::shared_ptr<ServerOptions> options_ = std::make_shared<ServerOptions>();
  stats::Store store_;
  TlsWorkerFixture worker_{store_};
  std::unique_ptr<ServerTransportFactory> factory_;
  std::unique_ptr<network::WorkerTransportSocketFactory> bound_;
  std::string last_peer_error_;
};

}  // namespace weir::extensions::transport_sockets::tls
