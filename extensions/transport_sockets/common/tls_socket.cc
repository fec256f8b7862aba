#include "extensions/transport_sockets/common/tls_socket.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "extensions/transport_sockets/common/certificate_pair.h"
#include "extensions/transport_sockets/common/tls_facts.h"
#include "source/base/concat.h"
#include "source/network/address.h"
#include "source/network/http_sniffer.h"

// The handshake. Reading and writing are in tls_socket_io.cc.
namespace weir::extensions::transport_sockets {

using network::IoResult;

namespace {

constexpr int kHandshakeReceives = 4;  // of one event
constexpr char kTlsHandshakeRecord = 22;

// For a client that speaks HTTP without TLS.
constexpr std::string_view kPlainHttpAnswer =
    "HTTP/1.1 400 Bad Request\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 66\r\n"
    "Connection: close\r\n"
    "\r\n"
    "This port speaks HTTPS, but the request came as plain HTTP: 400.\r\n";

std::string peerOf(int fd) {
  sockaddr_storage storage;
  socklen_t length = sizeof storage;
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  if (::getpeername(fd, address, &length) != 0) return "somebody";
  return network::Address::fromSockaddr(address, length).toString();
}

}  // namespace

void TlsSide::logFailure(const TlsSocket& socket, std::string_view why) {
  const auto held_back = log_limit_.admit(worker().dispatcher().now());
  if (!held_back) return;
  // Endpoints are ours to look after; clients fail for reasons of their own.
  const auto log = server_ ? base::log::info<std::string> : base::log::warning<std::string>;
  log("tls", base::concat(owner_, ": handshake with ", peerOf(socket.fd()), " failed: ", why, " (",
                          *held_back, " more of these)"));
}

TlsSocket::TlsSocket(base::LocalRef<TlsSide> side)
    : side_(std::move(side)), line_(*this, side_->worker().io().blocks()) {}

TlsSocket::~TlsSocket() {
  if (state_ == State::kWaiting) side_->cells().waiting->sub();
  if (state_ == State::kWaiting || state_ == State::kRunning) {
    side_->cells().handshaking->sub();
    side_->cells().failures[static_cast<size_t>(TlsFailure::kAbandoned)]->add();
  }
}

TlsSocket& TlsSocket::of(const SSL* ssl) {
  return Wire::socketOf(SSL_get_rbio(ssl));
}

void TlsSocket::attach(int fd, network::TransportHost& host) {
  line_.fd = fd;
  host_ = &host;
}

void TlsSocket::unread(buffer::Buffer& early) {
  line_.received.append(early);
}

TlsSocket::Target& TlsSocket::target() {
  if (!target_) target_ = std::make_unique<Target>();
  return *target_;
}

bool TlsSocket::wantsWrite() const {
  // Open connections write when they are told to.
  return host_ != nullptr && state_ != State::kWaiting && !line_.unsent.empty() && !up_;
}

IoResult TlsSocket::handshake() {
  Wire::Use use(side_->worker().wire(), line_, Wire::kReceive, kHandshakeReceives);
  if (!line_.unsent.empty()) {
    if (!side_->worker().wire().flush()) return wireFailed();
    if (!line_.unsent.empty()) return {0, IoResult::State::kWouldBlock, 0};
  }
  switch (state_) {
    case State::kFresh:
      return start();
    case State::kRunning:
      return advance();
    case State::kWaiting:
      return {0, IoResult::State::kWouldBlock, 0};
    case State::kRefused:
      return discardRefused();
    case State::kOpen:
      up_ = true;
      return {};
    case State::kFailed:
      break;
  }
  return {0, IoResult::State::kError, line_.error};
}

// A server's SSL is made when the client has said something.
IoResult TlsSocket::start() {
  if (!side_->server()) return begin();
  const std::string_view first = side_->worker().wire().peek(sniffing_);
  if (first.empty()) {
    if (line_.error != 0) return wireFailed();
    return {0, line_.ended ? IoResult::State::kEnd : IoResult::State::kWouldBlock, 0};
  }
  if (first.front() == kTlsHandshakeRecord) return begin();
  network::HttpSniffer sniffer;
  switch (sniffer.sniff(first)) {
    case network::HttpSniffer::Answer::kNeedMore:
      sniffing_ = true;
      return {0, line_.ended ? IoResult::State::kEnd : IoResult::State::kWouldBlock, 0};
    case network::HttpSniffer::Answer::kHttp1:
      return refusePlainHttp();
    case network::HttpSniffer::Answer::kHttp2:
    case network::HttpSniffer::Answer::kNotHttp:
      break;
  }
  return begin();  // which answers with an alert
}

IoResult TlsSocket::begin() {
  TlsWorker& worker = side_->worker();
  began_ = worker.dispatcher().preciseNow();
  side_->cells().handshaking->add();
  state_ = State::kRunning;
  std::string problem;
  ssl_ = side_->begin(*this, problem);
  if (ssl_ == nullptr) return failHandshake(TlsFailure::kInternal, std::move(problem));
  BIO* const bio = worker.wire().bio();
  BIO_up_ref(bio);
  SSL_set0_rbio(ssl_.get(), bio);
  BIO_up_ref(bio);
  SSL_set0_wbio(ssl_.get(), bio);
  SSL_set_shed_handshake_config(ssl_.get(), 1);
  return advance();
}

IoResult TlsSocket::refusePlainHttp() {
  side_->cells().failures[static_cast<size_t>(TlsFailure::kPlainHttp)]->add();
  state_ = State::kRefused;
  static_cast<void>(
      ::send(line_.fd, kPlainHttpAnswer.data(), kPlainHttpAnswer.size(), MSG_NOSIGNAL));
  ::shutdown(line_.fd, SHUT_WR);
  reason_ = std::make_unique<std::string>("a plain HTTP request came instead of TLS");
  return discardRefused();
}

// Until the peer has read the answer and closes: closing first could take it away from it.
IoResult TlsSocket::discardRefused() {
  char bytes[4096];
  line_.received.clear();
  while (burst_bytes_ < kMaxDiscard) {
    const ssize_t count = ::recv(line_.fd, bytes, sizeof bytes, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
      return {0, IoResult::State::kWouldBlock, 0};
    }
    if (count <= 0) break;
    burst_bytes_ += static_cast<uint32_t>(count);
  }
  state_ = State::kFailed;
  return {0, IoResult::State::kError, 0};
}

IoResult TlsSocket::advance() {
  if (std::exchange(waited_, false) && !peerIsThere()) {
    side_->worker().gate().giveBack();
    return gone(TlsFailure::kPeerClosed, "the peer closed while its handshake waited");
  }
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return established();
  const int error = SSL_get_error(ssl_.get(), result);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_PENDING_CERTIFICATE) {
    return handshakeFailed(error);
  }
  if (!side_->worker().wire().flush()) return wireFailed();
  if (error == SSL_ERROR_PENDING_CERTIFICATE) {
    state_ = State::kWaiting;
    side_->cells().waiting->add();
  }
  return {0, IoResult::State::kWouldBlock, 0};
}

bool TlsSocket::mayBegin() {
  if (!has_turn_) has_turn_ = side_->worker().gate().enter(*this, side_->limited());
  return has_turn_;
}

void TlsSocket::onTurn() {
  side_->cells().waiting->sub();
  has_turn_ = true;
  waited_ = true;
  state_ = State::kRunning;
  host_->transportReady();
}

bool TlsSocket::peerIsThere() {
  char byte;
  const ssize_t count = ::recv(line_.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count > 0 || (count < 0 && errno == EAGAIN);
}

IoResult TlsSocket::established() {
  TlsCells& cells = side_->cells();
  if (const absl::Status status = side_->onEstablished(*this); !status.ok()) {
    SSL_send_fatal_alert(ssl_.get(), SSL_AD_ACCESS_DENIED);
    sayGoodbye();
    return failHandshake(TlsFailure::kPeerCertificate, std::string(base::view(status.message())));
  }
  state_ = State::kOpen;
  cells.handshaking->sub();
  const bool tls13 = SSL_version(ssl_.get()) == TLS1_3_VERSION;
  (tls13 ? cells.handshakes_tls13 : cells.handshakes_tls12)->add();
  if (SSL_session_reused(ssl_.get()) != 0) cells.resumed->add();
  const auto took = side_->worker().dispatcher().preciseNow() - began_;
  cells.handshake_us->record(
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  wrote_tick_ = static_cast<uint32_t>(side_->worker().dispatcher().wheel().currentTick());
  if (!side_->worker().wire().flush()) return wireFailed();
  if (!line_.unsent.empty()) return {0, IoResult::State::kWouldBlock, 0};
  up_ = true;
  return {};
}

IoResult TlsSocket::handshakeFailed(int error) {
  if (line_.error != 0) return wireFailed();
  if (error == SSL_ERROR_ZERO_RETURN || (error == SSL_ERROR_SYSCALL && line_.ended)) {
    return gone(TlsFailure::kPeerClosed, "the peer closed during the handshake");
  }
  TlsProblem problem = takeTlsProblem(refusal_ ? std::string_view(*refusal_) : "");
  sayGoodbye();
  return failHandshake(problem.failure, std::move(problem.text));
}

IoResult TlsSocket::failHandshake(TlsFailure failure, std::string text) {
  side_->cells().handshaking->sub();
  side_->cells().failures[static_cast<size_t>(failure)]->add();
  // That clients come and go is no news.
  const bool went = failure == TlsFailure::kPeerClosed || failure == TlsFailure::kReset;
  if (!went || !side_->server()) side_->logFailure(*this, text);
  fail(std::move(text));
  return {0, IoResult::State::kError, 0};
}

IoResult TlsSocket::gone(TlsFailure failure, std::string text) {
  const IoResult result = failHandshake(failure, std::move(text));
  return {0, side_->server() ? IoResult::State::kEnd : result.state, 0};
}

// The descriptor says that the connection is broken.
IoResult TlsSocket::wireFailed() {
  std::string text = std::strerror(line_.error);
  if (state_ == State::kRunning) {
    static_cast<void>(failHandshake(TlsFailure::kReset, std::move(text)));
  } else {
    fail(std::move(text));
  }
  return {0, IoResult::State::kError, line_.error};
}

void TlsSocket::fail(std::string text) {
  state_ = State::kFailed;
  if (!reason_) reason_ = std::make_unique<std::string>(std::move(text));
}

// An alert was written: it shall arrive, although the peer may have sent what nobody reads.
void TlsSocket::sayGoodbye() {
  if (!side_->worker().wire().flush()) return;
  ::shutdown(line_.fd, SHUT_WR);
  char bytes[4096];
  for (int i = 0; i < 16; ++i) {
    if (::recv(line_.fd, bytes, sizeof bytes, MSG_DONTWAIT) <= 0) return;
  }
}

std::string_view TlsSocket::applicationProtocol() const {
  if (ssl_ == nullptr) return {};
  const uint8_t* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &length);
  return {reinterpret_cast<const char*>(name), length};
}

const network::SecurityInfo* TlsSocket::security() const {
  if (!up_) return nullptr;
  if (!facts_) facts_ = std::make_unique<TlsFacts>(*this);
  return facts_.get();
}

std::string TlsSocket::reason() const {
  return reason_ ? *reason_ : std::string();
}

}  // namespace weir::extensions::transport_sockets
