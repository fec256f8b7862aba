#include "test/extensions/health_checkers/common/tls_sides.h"

#include <chrono>

#include "extensions/transport_sockets/tls/server_side.h"
#include "extensions/transport_sockets/tls/server_transport.h"
#include "extensions/transport_sockets/upstream_tls/client_side.h"
#include "extensions/transport_sockets/upstream_tls/client_transport.h"

namespace weir::extensions::health_checkers::test {
namespace {

constexpr std::chrono::hours kLongAgo{-24 * 3650};
constexpr std::chrono::hours kLongAfter{24 * 3650};

}  // namespace

weir::test::TestCertificate TlsSides::authority(const std::string& name) {
  return weir::test::selfSigned(
      {.common_name = name, .starts = kLongAgo, .ends = kLongAfter, .authority = true});
}

std::shared_ptr<transport_sockets::MaterialStore> TlsSides::load(
    const transport_sockets::MaterialFiles& files) {
  std::vector<transport_sockets::MaterialProblem> problems;
  std::vector<std::string> warnings;
  auto store =
      transport_sockets::MaterialStore::load(files, dispatcher_.systemNow(), problems, warnings);
  for (const auto& problem : problems) ADD_FAILURE() << problem.status;
  return store;
}

TestEndpoint::TransportMaker TlsSides::server(std::vector<std::string> alpn) {
  const auto leaf =
      weir::test::issue(root_, {.dns = {"web.example"}, .starts = kLongAgo, .ends = kLongAfter});
  transport_sockets::CertificateFiles pair;
  pair.certificate = folder_.write("leaf.pem", leaf.pem());
  pair.key = folder_.write("leaf.key", leaf.keyPem());
  auto options = std::make_shared<transport_sockets::tls::ServerOptions>();
  options->listener = "web";
  options->alpn = std::move(alpn);
  transport_sockets::MaterialFiles files;
  files.context = "listener web";
  files.certificates = {pair};
  options->material = load(files);
  server_factory_ = std::make_shared<transport_sockets::tls::ServerTransportFactory>(options);
  server_transports_ = server_factory_->bind(services_);
  return [transports = server_transports_] { return transports->create({}); };
}

std::shared_ptr<const network::TransportSocketFactory> TlsSides::client(
    const std::string& name, std::vector<std::string> alpn, bool trusted) {
  auto options = std::make_shared<transport_sockets::upstream_tls::ClientOptions>();
  options->cluster = "web";
  options->server_name = name;
  options->server_name_from_host = name.empty();
  options->alpn = std::move(alpn);
  transport_sockets::MaterialFiles files;
  files.context = "cluster web";
  const auto root = trusted ? root_ : authority("Another Root");
  files.trust = transport_sockets::TrustFiles{.ca_files = {folder_.write("ca.pem", root.pem())}};
  options->material = load(files);
  return std::make_shared<transport_sockets::upstream_tls::ClientTransportFactory>(options);
}

}  // namespace weir::extensions::health_checkers::test
