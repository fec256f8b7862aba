#include "tools/benchmark/client/tls_slot.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "tools/benchmark/client/sockets.h"

namespace weir::benchmark {
namespace {

constexpr size_t kReadBytes = 16 * 1024;  // a TLS record

std::string get(const Options& options) {
  std::string request = "GET " + options.path + " HTTP/1.1\r\nHost: localhost\r\n";
  if (options.mode != Mode::kTlsKeepalive) request += "Connection: close\r\n";
  return request + "\r\n";
}

int onNewSession(SSL* ssl, SSL_SESSION* session) {
  static_cast<TlsSlot*>(SSL_get_app_data(ssl))->keepSession(bssl::UniquePtr<SSL_SESSION>(session));
  return 1;  // it is ours now
}

SSL_CTX* newContext(Mode mode) {
  SSL_CTX* context = SSL_CTX_new(TLS_method());
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1) {
    std::fprintf(stderr, "client: the TLS library gives no context for TLS 1.3\n");
    std::exit(1);
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  if (mode == Mode::kTlsResumed) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, onNewSession);
  } else {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  }
  return context;
}

}  // namespace

TlsClient::TlsClient(const Options& options)
    : mode_(options.mode),
      port_(options.port),
      request_(get(options)),
      context_(newContext(options.mode)) {}

void TlsSlot::begin() {
  answer_.reset();
  fetching_session_ = client_.mode() == Mode::kTlsResumed && !session_;
  if (phase_ == Phase::kResting) {
    phase_ = Phase::kWriting;
    advance();
  } else {
    open();
  }
}

void TlsSlot::onReady(uint32_t /*events*/) {
  // Nothing is expected between requests; that the server has ended it shows at the next.
  if (phase_ == Phase::kResting) return;
  if (phase_ == Phase::kConnecting) {
    if (!connectionMade(fd_)) {
      fail(Outcome::kConnect);
      return;
    }
    phase_ = Phase::kShaking;
  }
  advance();
}

void TlsSlot::abandon() {
  shut();
}

void TlsSlot::open() {
  fd_ = connectToLoopback(SOCK_STREAM, client_.port());
  ssl_.reset(SSL_new(client_.context()));
  if (fd_ < 0 || !ssl_ || SSL_set_fd(ssl_.get(), fd_) != 1) {
    fail(Outcome::kConnect);
    return;
  }
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_tlsext_host_name(ssl_.get(), "localhost");
  if (session_) SSL_set_session(ssl_.get(), session_.get());
  phase_ = Phase::kConnecting;
  run_.watch(fd_, *this);
}

void TlsSlot::shut() {
  ssl_.reset();
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  phase_ = Phase::kNone;
  // What the library has to say about this connection must not be found by the next.
  ERR_clear_error();
}

void TlsSlot::fail(Outcome outcome) {
  shut();
  session_.reset();
  run_.finished(*this, outcome);
}

void TlsSlot::advance() {
  if (phase_ == Phase::kShaking && !shake()) return;
  if (phase_ == Phase::kWriting && !write()) return;
  if (phase_ == Phase::kReading && !read()) return;
  if (phase_ == Phase::kEnding && !readEnd()) return;
  complete();
}

// This and the next three return false when the phase goes on later, or the request has failed.
bool TlsSlot::shake() {
  const int result = SSL_connect(ssl_.get());
  if (result != 1) {
    const int error = SSL_get_error(ssl_.get(), result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) fail(Outcome::kHandshake);
    return false;
  }
  const bool wanted = client_.mode() == Mode::kTlsResumed && !fetching_session_;
  if ((SSL_session_reused(ssl_.get()) != 0) != wanted) {
    fail(Outcome::kSession);
    return false;
  }
  phase_ = Phase::kWriting;
  return true;
}

bool TlsSlot::write() {
  const std::string& request = client_.request();
  const int result = SSL_write(ssl_.get(), request.data(), static_cast<int>(request.size()));
  if (result <= 0) {
    const int error = SSL_get_error(ssl_.get(), result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) fail(Outcome::kRead);
    return false;
  }
  phase_ = Phase::kReading;
  return true;
}

bool TlsSlot::read() {
  std::array<char, kReadBytes> bytes;
  while (true) {
    const int got = SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (got <= 0) {
      if (SSL_get_error(ssl_.get(), got) != SSL_ERROR_WANT_READ) fail(Outcome::kRead);
      return false;
    }
    switch (answer_.add(std::string_view(bytes.data(), static_cast<size_t>(got)))) {
      case HttpAnswer::State::kMore:
        break;
      case HttpAnswer::State::kWrong:
        fail(Outcome::kAnswer);
        return false;
      case HttpAnswer::State::kWhole:
        phase_ = client_.mode() == Mode::kTlsKeepalive ? Phase::kResting : Phase::kEnding;
        return true;
    }
  }
}

// The server was asked to close. A request without the end it promised is not whole.
bool TlsSlot::readEnd() {
  char byte = 0;
  const int got = SSL_read(ssl_.get(), &byte, 1);
  if (got > 0) {
    fail(Outcome::kAnswer);
    return false;
  }
  const int error = SSL_get_error(ssl_.get(), got);
  if (error == SSL_ERROR_WANT_READ) return false;
  // A close_notify or the bare end of the connection; a reset would be SSL_ERROR_SYSCALL with an
  // error number, which at this point has lost nothing.
  SSL_shutdown(ssl_.get());
  shut();
  return true;
}

void TlsSlot::complete() {
  if (!fetching_session_) {
    run_.finished(*this, Outcome::kDone);
  } else if (session_) {
    begin();
  } else {
    run_.finished(*this, Outcome::kSession);
  }
}

}  // namespace weir::benchmark
