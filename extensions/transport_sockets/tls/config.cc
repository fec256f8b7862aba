#include "extensions/transport_sockets/tls/config.h"

#include <chrono>
#include <string>
#include <utility>

#include "api/weir/extensions/transport_sockets/tls/v1/tls.pb.h"
#include "extensions/transport_sockets/common/config.h"
#include "extensions/transport_sockets/tls/server_side.h"
#include "extensions/transport_sockets/tls/server_transport.h"
#include "source/base/concat.h"
#include "source/config/fields.h"

namespace weir::extensions::transport_sockets::tls {
namespace {

using std::chrono::duration_cast;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr uint64_t kMaxHandshakesPerSecond = 1'000'000;
constexpr uint64_t kMaxSessions = 1'000'000;
constexpr uint64_t kDefaultSessions = 20'480;
constexpr hours kMaxSessionLifetime{7 * 24};  // RFC 8446, 4.6.1
constexpr hours kMaxRotation{30 * 24};

struct Places final : MaterialPlaces {
  explicit Places(const config::Cursor& message) : at(message) {}
  config::Cursor certificate(size_t index) const override {
    return at.at("certificates", static_cast<int>(index));
  }
  config::Cursor trust() const override { return at.field("client_certificate"); }
  config::Cursor tickets() const override { return at.field("tickets").field("key_file"); }
  const config::Cursor& at;
};

std::optional<TicketKeyOptions> readTickets(const v1::Tickets& from, const config::Cursor& at) {
  if (from.off()) {
    if (!from.key_file().empty()) {
      at.field("key_file").error("given although tickets are off", "leave one of them out");
    }
    return std::nullopt;
  }
  TicketKeyOptions options;
  if (!from.key_file().empty()) {
    options.file = at.field("key_file").resolvePath(from.key_file());
    if (from.has_rotation()) {
      at.field("rotation")
          .error("given together with key_file", "keys of a file change when the file does");
    }
  }
  options.rotation = duration_cast<seconds>(
      config::readDuration(from.has_rotation() ? &from.rotation() : nullptr, options.rotation,
                           {minutes(1), kMaxRotation}, at.field("rotation")));
  return options;
}

TrustFiles readTrust(const v1::ClientCertificate& from, const config::Cursor& at) {
  TrustFiles files;
  files.ca_files = readPaths(from.ca_files(), "ca_files", at);
  files.crl_files = readPaths(from.crl_files(), "crl_files", at);
  files.crl_for_leaf_only = from.crl_for_leaf_only();
  files.max_depth = readDepth(from.max_depth(), at.field("max_depth"));
  return files;
}

void readClientCertificate(const v1::ClientCertificate& from, const config::Cursor& at,
                           ServerOptions& options, MaterialFiles& files) {
  options.client_certificates = from.mode() == v1::ClientCertificate::MODE_OPTIONAL
                                    ? ClientCertificates::kOptional
                                    : ClientCertificates::kRequired;
  options.client_policy = readPeerPolicy(from.names(), from.sha256(), from.public_key_sha256(), at);
  options.client_rules = from.SerializeAsString();
  TrustFiles trust = readTrust(from, at);
  if (!trust.ca_files.empty()) {
    files.trust = std::move(trust);
    return;
  }
  if (from.sha256().empty() && from.public_key_sha256().empty()) {
    at.field("ca_files")
        .error("nobody could be trusted",
               "name a file with the authorities that issue client certificates");
  }
  if (!trust.crl_files.empty()) {
    at.field("crl_files").error("given without ca_files", "name the authorities as well");
  }
}

}  // namespace

std::shared_ptr<const network::TransportSocketFactory> TlsExtension::compile(
    const google::protobuf::Message& config, bool downstream, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Tls&>(config);
  const size_t before = at.diagnostics().list().size();
  if (!downstream) {
    at.error("transport_sockets/tls is for listeners", "use transport_sockets/upstream_tls");
    return nullptr;
  }
  auto options = std::make_shared<ServerOptions>();
  options->listener = std::string(context.listener_name);
  MaterialFiles files;
  files.context = base::concat("listener ", context.listener_name);
  if (from.certificates_size() == 0) {
    at.field("certificates")
        .error("a listener needs a certificate",
               "add certificates { certificate_file: … private_key_file: … }");
  }
  for (int i = 0; i < from.certificates_size(); ++i) {
    files.certificates.push_back(
        readCertificateFiles(from.certificates(i), at.at("certificates", i)));
  }
  if (from.has_client_certificate()) {
    readClientCertificate(from.client_certificate(), at.field("client_certificate"), *options,
                          files);
  }
  files.tickets = readTickets(from.tickets(), at.field("tickets"));
  options->session_lifetime = duration_cast<seconds>(config::readDuration(
      from.has_session_lifetime() ? &from.session_lifetime() : nullptr, hours(12),
      {seconds(1), kMaxSessionLifetime}, at.field("session_lifetime")));
  const uint64_t capacity =
      from.session_cache().has_capacity()
          ? config::readNumber(from.session_cache().capacity(), {0, kMaxSessions},
                               at.field("session_cache").field("capacity"))
          : kDefaultSessions;
  if (capacity > 0) {
    options->sessions = std::make_shared<SessionCache>(capacity, options->session_lifetime);
  }
  options->alpn = from.alpn().empty() ? context.application_protocols : readAlpn(from.alpn(), at);
  options->versions = readVersions(from.min_version(), from.max_version(), at);
  options->handshake_timeout = config::readDuration(
      from.has_handshake_timeout() ? &from.handshake_timeout() : nullptr,
      options->handshake_timeout, {milliseconds(10), minutes(10)}, at.field("handshake_timeout"));
  const auto rate = static_cast<uint32_t>(
      config::readNumber(from.max_handshakes_per_second(), {0, kMaxHandshakesPerSecond},
                         at.field("max_handshakes_per_second")));
  if (rate > 0) options->rate = std::make_shared<HandshakeRate>(rate);
  if (at.diagnostics().list().size() > before) return nullptr;
  options->material = loadMaterial(files, Places(at));
  if (options->material == nullptr) return nullptr;
  context.main_parts.push_back(options->material);
  return std::make_shared<ServerTransportFactory>(std::move(options));
}

}  // namespace weir::extensions::transport_sockets::tls
