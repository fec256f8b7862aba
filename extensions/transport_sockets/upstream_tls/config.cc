#include "extensions/transport_sockets/upstream_tls/config.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "api/weir/extensions/transport_sockets/upstream_tls/v1/upstream_tls.pb.h"
#include "extensions/transport_sockets/common/config.h"
#include "extensions/transport_sockets/upstream_tls/client_side.h"
#include "extensions/transport_sockets/upstream_tls/client_transport.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/base/log.h"
#include "source/config/fields.h"

namespace weir::extensions::transport_sockets::upstream_tls {
namespace {

constexpr uint64_t kMaxSessions = 1'000'000;
constexpr uint64_t kDefaultSessions = 1024;
constexpr size_t kMaxNameBytes = 253;
constexpr std::chrono::hours kSessionLifetime{24};  // and never longer than the server says

struct Places final : MaterialPlaces {
  explicit Places(const config::Cursor& message) : at(message) {}
  config::Cursor certificate(size_t) const override { return at.field("client_certificate"); }
  config::Cursor trust() const override { return at; }
  config::Cursor tickets() const override { return at; }
  const config::Cursor& at;
};

std::string readServerName(const std::string& text, const config::Cursor& at) {
  const std::string name = base::lowered(text);
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-._:";
  if (name.size() > kMaxNameBytes || name.find_first_not_of(kAllowed) != std::string::npos ||
      name.starts_with('.')) {
    at.error("is no host name", "write one such as \"shop.example\"");
  }
  return name;
}

// Nothing is verified: then nothing may be configured for it.
void refuseRules(const v1::UpstreamTls& from, const config::Cursor& at) {
  const bool rules = from.ca_files_size() > 0 || from.crl_files_size() > 0 || from.system_ca() ||
                     from.names_size() > 0 || from.sha256_size() > 0 ||
                     from.public_key_sha256_size() > 0;
  if (!rules) return;
  at.field("insecure_skip_verification")
      .error("given together with rules about the endpoints' certificates",
             "leave it out, so that they are followed");
}

TrustFiles readTrust(const v1::UpstreamTls& from, const config::Cursor& at) {
  TrustFiles files;
  files.ca_files = readPaths(from.ca_files(), "ca_files", at);
  files.crl_files = readPaths(from.crl_files(), "crl_files", at);
  files.crl_for_leaf_only = from.crl_for_leaf_only();
  files.system = from.ca_files().empty() || from.system_ca();
  files.max_depth = readDepth(from.max_depth(), at.field("max_depth"));
  return files;
}

// What the cluster speaks is offered; `from` may leave out of that or order it.
std::vector<std::string> readOffer(const v1::UpstreamTls& from,
                                   const std::vector<std::string>& spoken,
                                   const config::Cursor& at) {
  if (from.alpn_size() == 0) return spoken;
  const std::vector<std::string> offer = readAlpn(from.alpn(), at);
  if (spoken.empty()) return offer;
  for (int i = 0; i < from.alpn_size(); ++i) {
    const std::string& name = from.alpn(i);
    if (name.empty() || std::find(spoken.begin(), spoken.end(), name) != spoken.end()) continue;
    at.at("alpn", i).error(base::concat("the cluster does not speak \"", name, "\""),
                           "leave alpn out: http_protocol of the cluster says what is offered");
  }
  return offer;
}

}  // namespace

std::shared_ptr<const network::TransportSocketFactory> UpstreamTlsExtension::compile(
    const google::protobuf::Message& config, bool downstream, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::UpstreamTls&>(config);
  const size_t before = at.diagnostics().list().size();
  if (downstream) {
    at.error("transport_sockets/upstream_tls is for clusters", "use transport_sockets/tls");
    return nullptr;
  }
  auto options = std::make_shared<ClientOptions>();
  options->cluster = std::string(context.cluster_name);
  options->server_name = readServerName(from.server_name(), at.field("server_name"));
  options->server_name_from_host = from.server_name_from_host();
  options->verify = !from.insecure_skip_verification();
  options->policy = readPeerPolicy(from.names(), from.sha256(), from.public_key_sha256(), at);
  options->alpn = readOffer(from, context.application_protocols, at);
  options->versions = readVersions(from.min_version(), from.max_version(), at);
  MaterialFiles files;
  files.context = base::concat("cluster ", context.cluster_name);
  if (!options->verify) {
    refuseRules(from, at);
  } else if (!options->policy.pins() || from.ca_files_size() > 0 || from.system_ca()) {
    files.trust = readTrust(from, at);
  } else if (from.crl_files_size() > 0) {
    at.field("crl_files").error("given without ca_files", "name the authorities as well");
  }
  if (from.has_client_certificate()) {
    const config::Cursor here = at.field("client_certificate");
    if (!from.client_certificate().ocsp_file().empty()) {
      here.field("ocsp_file").error("clients staple nothing", "leave it out");
    }
    files.certificates.push_back(readCertificateFiles(from.client_certificate(), here));
  }
  const uint64_t sessions =
      from.has_max_sessions()
          ? config::readNumber(from.max_sessions(), {0, kMaxSessions}, at.field("max_sessions"))
          : kDefaultSessions;
  if (sessions > 0) options->sessions = std::make_shared<SessionCache>(sessions, kSessionLifetime);
  if (at.diagnostics().list().size() > before) return nullptr;
  options->material = loadMaterial(files, Places(at));
  if (options->material == nullptr) return nullptr;
  if (!options->verify) {
    base::log::warning("tls", "cluster \"", options->cluster,
                       "\" does not verify its endpoints (insecure_skip_verification): whoever is "
                       "in between can read and change everything");
  }
  context.main_parts.push_back(options->material);
  return std::make_shared<ClientTransportFactory>(std::move(options));
}

}  // namespace weir::extensions::transport_sockets::upstream_tls
