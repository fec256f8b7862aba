#include "extensions/transport_sockets/upstream_tls/client_side.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <utility>

#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/network/address.h"

namespace weir::extensions::transport_sockets::upstream_tls {
namespace {

bool isIp(const std::string& name) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, name.c_str(), bytes) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

network::Address endpointOf(int fd) {
  sockaddr_storage storage;
  socklen_t length = sizeof storage;
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  if (::getpeername(fd, address, &length) != 0) return {};
  return network::Address::fromSockaddr(address, length);
}

// "10.0.0.1" of "10.0.0.1:443", "::1" of "[::1]:443".
std::string hostText(const network::Address& address) {
  const std::string text = address.toString();
  std::string host = text.substr(0, text.rfind(':'));
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  return host;
}

}  // namespace

ClientSide::ClientSide(std::shared_ptr<const ClientOptions> options, TlsWorker& worker,
                       const TlsCells& cells)
    : TlsSide(worker, cells, base::concat("cluster ", options->cluster), /*server=*/false),
      options_(std::move(options)),
      version_(options_->material->version()),
      material_(options_->material->current()) {
  makeContext();
  // What was accepted with other authorities or another certificate of ours is not resumed.
  if (material_->trust != nullptr) {
    session_scope_ = hexText(material_->trust->fingerprint());
  }
  if (const auto pair = ownPair()) session_scope_ += base::concat('|', pair->fingerprint());
}

std::shared_ptr<const CertificatePair> ClientSide::ownPair() const {
  if (material_->certificates == nullptr) return nullptr;
  return material_->certificates->all().front().pair;
}

void ClientSide::makeContext() {
  bssl::UniquePtr<SSL_CTX> made = newTlsContext(options_->versions, cells());
  if (made == nullptr) return;
  SSL_CTX* const context = made.get();
  if (const auto pair = ownPair(); pair != nullptr && !useCertificate(*context, *pair)) return;
  SSL_CTX_set_custom_verify(context, SSL_VERIFY_PEER, onServerCertificate);
  SSL_CTX_set_reverify_on_resume(context, 1);
  const std::string alpn = alpnList(options_->alpn);
  if (!alpn.empty() &&
      SSL_CTX_set_alpn_protos(context, reinterpret_cast<const uint8_t*>(alpn.data()),
                              static_cast<unsigned>(alpn.size())) != 0) {
    return;
  }
  if (options_->sessions != nullptr) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, onNewSession);
  } else {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  }
  context_ = std::move(made);
}

ClientSide& ClientSide::of(const SSL* ssl) {
  return static_cast<ClientSide&>(TlsSocket::of(ssl).side());
}

std::string ClientSide::nameFor(std::string_view host) const {
  if (!options_->server_name_from_host || host.empty()) return options_->server_name;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.ends_with('.')) host.remove_suffix(1);
  return base::lowered(host);
}

bssl::UniquePtr<SSL> ClientSide::begin(TlsSocket& socket, std::string& problem) {
  bssl::UniquePtr<SSL> ssl(context_ == nullptr ? nullptr : SSL_new(context_.get()));
  if (ssl == nullptr) {
    problem = takeTlsProblem().text;
    return nullptr;
  }
  SSL_set_connect_state(ssl.get());
  const std::string& name = socket.target().server_name;
  if (!name.empty() && !isIp(name) && SSL_set_tlsext_host_name(ssl.get(), name.c_str()) != 1) {
    takeTlsProblem();
    problem = base::concat("\"", name, "\" cannot be a server name");
    return nullptr;
  }
  socket.setOwnCertificate(ownPair());
  if (options_->sessions != nullptr) offerSession(socket, *ssl);
  return ssl;
}

void ClientSide::offerSession(TlsSocket& socket, SSL& ssl) {
  TlsSocket::Target& target = socket.target();
  target.session_key = base::concat(endpointOf(socket.fd()).toString(), '|', target.server_name,
                                    '|', session_scope_);
  const event::MonotonicTime now = worker().dispatcher().now();
  bssl::UniquePtr<SSL_SESSION> session = options_->sessions->take(target.session_key, now);
  if (session == nullptr) return;
  SSL_set_session(&ssl, session.get());
  if (SSL_SESSION_should_be_single_use(session.get()) != 0) return;
  options_->sessions->put(target.session_key, std::move(session), now);
}

int ClientSide::onNewSession(SSL* ssl, SSL_SESSION* session) {
  TlsSocket& socket = TlsSocket::of(ssl);
  auto& side = static_cast<ClientSide&>(socket.side());
  side.options_->sessions->put(socket.target().session_key, bssl::UniquePtr<SSL_SESSION>(session),
                               side.worker().dispatcher().now());
  return 1;  // the reference is taken
}

ssl_verify_result_t ClientSide::onServerCertificate(SSL* ssl, uint8_t* alert) {
  TlsSocket& socket = TlsSocket::of(ssl);
  const absl::Status status = static_cast<ClientSide&>(socket.side()).verify(socket);
  if (status.ok()) return ssl_verify_ok;
  socket.setRefusal(std::string(base::view(status.message())));
  *alert = alertFor(status);
  return ssl_verify_invalid;
}

absl::Status ClientSide::verify(TlsSocket& socket) {
  if (!options_->verify) return absl::OkStatus();
  std::string host = socket.target().server_name;
  if (host.empty() && options_->policy.empty()) {
    const network::Address endpoint = endpointOf(socket.fd());
    if (!endpoint.isIp()) {
      return absl::UnauthenticatedError(
          "there is no name to compare with; give server_name or names");
    }
    host = hostText(endpoint);
  }
  const PeerCheck check{
      .role = PeerRole::kServer, .host = host, .now = worker().dispatcher().systemNow()};
  return verifyPeer(*socket.ssl(), material_->trust.get(), options_->policy, check);
}

}  // namespace weir::extensions::transport_sockets::upstream_tls
