#include "test/extensions/transport_sockets/common/tls_peer.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace weir::extensions::transport_sockets::test {
namespace {

TlsPeer& of(const SSL* ssl) {
  return *static_cast<TlsPeer*>(SSL_get_app_data(ssl));
}

std::string alpnWire(const std::vector<std::string>& protocols) {
  std::string list;
  for (const std::string& protocol : protocols) {
    list.push_back(static_cast<char>(protocol.size()));
    list += protocol;
  }
  return list;
}

}  // namespace

TlsPeer::TlsPeer(base::UniqueFd fd, const Options& options) : fd_(std::move(fd)) {
  if (options.context != nullptr) {
    context_ = bssl::UpRef(options.context);
  } else {
    context_.reset(SSL_CTX_new(TLS_method()));
    setUp(options);
  }
  ssl_.reset(SSL_new(context_.get()));
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  BIO_set_mem_eof_return(SSL_get_rbio(ssl_.get()), -1);
  if (options.server) {
    SSL_set_accept_state(ssl_.get());
    return;
  }
  SSL_set_connect_state(ssl_.get());
  if (!options.server_name.empty()) {
    SSL_set_tlsext_host_name(ssl_.get(), options.server_name.c_str());
  }
  const std::string alpn = alpnWire(options.alpn);
  SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const uint8_t*>(alpn.data()),
                      static_cast<unsigned>(alpn.size()));
  if (options.session != nullptr) SSL_set_session(ssl_.get(), options.session);
}

void TlsPeer::setUp(const Options& options) {
  SSL_CTX* const context = context_.get();
  SSL_CTX_set_min_proto_version(context, options.least);
  SSL_CTX_set_max_proto_version(context, options.most);
  if (!options.ciphers.empty()) SSL_CTX_set_strict_cipher_list(context, options.ciphers.c_str());
  if (options.certificate.x509() != nullptr) {
    SSL_CTX_use_certificate(context, options.certificate.x509());
    SSL_CTX_use_PrivateKey(context, options.certificate.key());
  }
  if (!options.tickets) SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  if (!options.signatures.empty()) {
    SSL_CTX_set_verify_algorithm_prefs(context, options.signatures.data(),
                                       options.signatures.size());
  }
  if (options.staple) SSL_CTX_enable_ocsp_stapling(context);
  // Who the other side is, the tests look at themselves.
  const int verify =
      options.server && !options.wants_certificate ? SSL_VERIFY_NONE : SSL_VERIFY_PEER;
  SSL_CTX_set_custom_verify(context, verify, [](SSL*, uint8_t*) { return ssl_verify_ok; });
  SSL_CTX_set_session_cache_mode(context,
                                 options.server ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_CLIENT);
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const uint8_t*>("peer"), 4);
  if (!options.server) {
    SSL_CTX_sess_set_new_cb(context, [](SSL* ssl, SSL_SESSION* fresh) {
      of(ssl).session.reset(fresh);
      return 1;
    });
  }
  if (options.server && !options.alpn.empty()) {
    alpn_ = options.alpn.front();
    SSL_CTX_set_alpn_select_cb(
        context,
        [](SSL* ssl, const uint8_t** out, uint8_t* length, const uint8_t*, unsigned, void*) {
          *out = reinterpret_cast<const uint8_t*>(of(ssl).alpn_.data());
          *length = static_cast<uint8_t>(of(ssl).alpn_.size());
          return SSL_TLSEXT_ERR_OK;
        },
        nullptr);
  }
}

std::vector<std::string> TlsPeer::pull() {
  std::vector<std::string> pieces;
  std::string piece(256 * 1024, '\0');
  while (fd_.valid()) {
    const ssize_t count = ::recv(fd_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (count <= 0) break;
    pieces.push_back(piece.substr(0, static_cast<size_t>(count)));
    wire += pieces.back();
    BIO_write(SSL_get_rbio(ssl_.get()), pieces.back().data(), static_cast<int>(count));
  }
  return pieces;
}

std::string TlsPeer::take() {
  BIO* const out = SSL_get_wbio(ssl_.get());
  std::string bytes(BIO_pending(out), '\0');
  if (!bytes.empty()) BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

void TlsPeer::put(std::string_view bytes) {
  while (!bytes.empty() && fd_.valid()) {
    const ssize_t count =
        ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
}

void TlsPeer::push() {
  std::string bytes = take();
  if (change && !bytes.empty()) change(bytes);
  put(bytes);
}

void TlsPeer::noteError() {
  const uint32_t code = ERR_peek_error();
  if (error.empty() && code != 0) error = ERR_reason_error_string(code);
  ERR_clear_error();
}

TlsPeer::State TlsPeer::step() {
  pull();
  if (state_ == State::kGoingOn) {
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) {
      state_ = State::kDone;
    } else if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) {
      state_ = State::kFailed;
      noteError();
    }
  }
  push();
  return state_;
}

std::string TlsPeer::read() {
  pull();
  std::string text;
  char bytes[16 * 1024];
  while (true) {
    const int result = SSL_read(ssl_.get(), bytes, sizeof bytes);
    if (result > 0) {
      text.append(bytes, static_cast<size_t>(result));
      continue;
    }
    const int why = SSL_get_error(ssl_.get(), result);
    ended_ = ended_ || why == SSL_ERROR_ZERO_RETURN;
    failed_ = failed_ || why == SSL_ERROR_SSL;
    if (why == SSL_ERROR_SSL) noteError();
    return text;
  }
}

void TlsPeer::write(std::string_view text) {
  SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
  push();
}

}  // namespace weir::extensions::transport_sockets::test
