#include "test/integration/tls_client.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace weir::test {
namespace {

constexpr std::string_view kManager =
    "[network_filters/http_connection_manager] { virtual_hosts { name: \"all\" domains: \"*\" "
    "routes { route { cluster: \"origin\" } } } }";

bool complete(const std::string& response) {
  const size_t head = response.find("\r\n\r\n");
  if (head == std::string::npos) return false;
  std::string lower = response.substr(0, head);
  std::transform(lower.begin(), lower.end(), lower.begin(), ::tolower);
  const size_t at = lower.find("content-length: ");
  const size_t length = at == std::string::npos ? 0 : std::stoul(lower.substr(at + 16));
  return response.size() >= head + 4 + length;
}

}  // namespace

std::string tlsListener(const TestPki& pki, std::string_view fields, std::string_view filter) {
  return "listeners { name: \"edge\" address: \"127.0.0.1:0\" filter_chains {\n"
         "transport_socket { config { [transport_sockets/tls] {\n"
         "certificates { certificate_file: \"" +
         pki.serverCertificate() + "\" private_key_file: \"" + pki.serverKey() + "\" } " +
         std::string(fields) + " } } }\nfilters { config { " +
         std::string(filter.empty() ? kManager : filter) + " } } } }\n";
}

TlsClient::TlsClient(uint16_t port, const Options& options)
    : connection_(RawConnection::connectTo(port)), context_(SSL_CTX_new(TLS_method())) {
  SSL_CTX_set_custom_verify(context_.get(), SSL_VERIFY_PEER,
                            [](SSL*, uint8_t*) { return ssl_verify_ok; });
  SSL_CTX_set_max_proto_version(context_.get(), options.most);
  if (!options.tickets) SSL_CTX_set_options(context_.get(), SSL_OP_NO_TICKET);
  ssl_.reset(SSL_new(context_.get()));
  SSL_set_tlsext_host_name(ssl_.get(), "localhost");
  if (options.session != nullptr) SSL_set_session(ssl_.get(), options.session);
  SSL_set_fd(ssl_.get(), connection_.fd());
  up_ = SSL_connect(ssl_.get()) == 1;
}

std::string TlsClient::commonName() const {
  const bssl::UniquePtr<X509> shown(SSL_get_peer_certificate(ssl_.get()));
  char name[100] = "";
  if (shown != nullptr) {
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown.get()), NID_commonName, name,
                              sizeof name);
  }
  return name;
}

std::string TlsClient::exchange(const std::string& request) {
  if (SSL_write(ssl_.get(), request.data(), static_cast<int>(request.size())) <= 0) return "";
  std::string response;
  std::vector<char> bytes(64 * 1024);
  while (!complete(response)) {
    const int count = SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (count <= 0) break;
    response.append(bytes.data(), static_cast<size_t>(count));
  }
  return response;
}

}  // namespace weir::test
