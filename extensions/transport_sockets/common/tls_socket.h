#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

#include "extensions/transport_sockets/common/handshake_gate.h"
#include "extensions/transport_sockets/common/tls_errors.h"
#include "extensions/transport_sockets/common/tls_stats.h"
#include "extensions/transport_sockets/common/tls_worker.h"
#include "source/base/local_ref.h"
#include "source/base/log.h"
#include "source/network/transport_socket.h"

namespace weir::extensions::transport_sockets {

class CertificatePair;
class TlsFacts;
class TlsSocket;

// What a listener's filter chain or a cluster decides for its TLS connections on one worker. Lives
// as long as any of them. Worker-confined.
class TlsSide : public base::LocalCounted {
 public:
  // `owner`: "listener edge", "cluster web", for the log.
  TlsSide(TlsWorker& worker, const TlsCells& cells, std::string owner, bool server)
      : worker_(&worker), cells_(cells), owner_(std::move(owner)), server_(server) {}

  // A connection begins: its SSL with everything set but the BIO. nullptr after saying in `problem`
  // why there can be none.
  virtual bssl::UniquePtr<SSL> begin(TlsSocket& socket, std::string& problem) = 0;
  // The handshake is done. An error ends the connection with alert access_denied.
  virtual absl::Status onEstablished(TlsSocket&) { return absl::OkStatus(); }
  // Whether the peer's certificate, when there is one, was checked.
  virtual bool verifies() const = 0;
  // Of this side's rate limit, or nullptr.
  virtual HandshakeGate::Limited* limited() { return nullptr; }

  // Logs that the handshake of `socket` failed, once in a while.
  void logFailure(const TlsSocket& socket, std::string_view why);

  TlsWorker& worker() { return *worker_; }
  TlsCells& cells() { return cells_; }
  bool server() const { return server_; }

 private:
  base::LocalRef<TlsWorker> worker_;
  TlsCells cells_;
  const std::string owner_;
  const bool server_;
  base::log::LogLimiter log_limit_{std::chrono::seconds(1)};
};

// TLS on one connection, by BoringSSL. Its memory is little while nothing happens: the SSL is made
// at a server's first byte and drops its configuration after the handshake; bytes wait in buffers
// only while a record is incomplete or the kernel is full. Worker-confined.
class TlsSocket final : public network::TransportSocket, public HandshakeGate::Waiter {
 public:
  explicit TlsSocket(base::LocalRef<TlsSide> side);
  ~TlsSocket() override;

  void attach(int fd, network::TransportHost& host) override;
  void unread(buffer::Buffer& early) override;
  network::IoResult handshake() override;
  bool wantsWrite() const override;
  bool waitsForTurn() const override { return state_ == State::kWaiting; }
  network::IoResult read(std::span<char> out) override;
  network::IoResult write(buffer::Buffer& data) override;
  network::IoResult shutdownWrite() override;
  std::string_view applicationProtocol() const override;
  const network::SecurityInfo* security() const override;
  std::string reason() const override;

  void onTurn() override;

  // For the side, from inside of BoringSSL's callbacks
  // ---------------------------------------------

  // The socket whose handshake BoringSSL is working on.
  static TlsSocket& of(const SSL* ssl);
  // The costly part of the handshake is next. False: it has to wait for its turn.
  bool mayBegin();
  TlsSide& side() { return *side_; }
  SSL* ssl() const { return ssl_.get(); }
  int fd() const { return line_.fd; }
  // What is wrong with the peer's certificate.
  void setRefusal(std::string text) { refusal_ = std::make_unique<std::string>(std::move(text)); }
  // The certificate this side shows; may be null.
  void setOwnCertificate(std::shared_ptr<const CertificatePair> pair) { own_ = std::move(pair); }
  const std::shared_ptr<const CertificatePair>& ownCertificate() const { return own_; }
  bool verified() const { return side_->verifies(); }
  // A client's: the host that its certificate must name, and the key of its session.
  struct Target {
    std::string server_name;
    std::string session_key;
  };
  Target& target();

  // Plaintext of a record at the start of a burst: it fits one segment with all that is around it,
  // so that its receiver can use it as soon as that arrives.
  static constexpr size_t kSmallRecord = 1300;
  static constexpr size_t kLargeRecord = 16 * 1024;
  // Small records are written until this much of a burst has gone out; a pause of kIdleTicks ends
  // it.
  static constexpr uint32_t kSmallBurst = 64 * 1024;
  static constexpr uint32_t kIdleTicks = 100;  // of the timer wheel: one second
  // Pieces smaller than this are joined with those behind them.
  static constexpr size_t kJoinBelow = 4 * 1024;
  // Discarded, at most, of a peer that was refused, so that it can read why.
  static constexpr uint32_t kMaxDiscard = 256 * 1024;

 private:
  // kFresh → kRunning (⇄ kWaiting) → kOpen; kRefused and kFailed from anywhere before or after.
  enum class State : uint8_t {
    kFresh,    // nothing came yet
    kRunning,  // the handshake is under way
    kWaiting,  // … and waits for its turn
    kRefused,  // no TLS: the answer is sent, the peer reads it
    kOpen,
    kFailed,
  };

  network::IoResult start();
  network::IoResult begin();
  network::IoResult refusePlainHttp();
  network::IoResult discardRefused();
  network::IoResult advance();
  network::IoResult established();
  network::IoResult handshakeFailed(int result);
  network::IoResult failHandshake(TlsFailure failure, std::string text);
  network::IoResult gone(TlsFailure failure, std::string text);
  network::IoResult wireFailed();
  network::IoResult readFailed(int result);
  bool peerIsThere();
  size_t recordBytes();
  bool sealRecord(buffer::Buffer& data, size_t bytes);
  void fail(std::string text);
  void sayGoodbye();

  base::LocalRef<TlsSide> side_;
  network::TransportHost* host_ = nullptr;
  bssl::UniquePtr<SSL> ssl_;
  Line line_;
  std::shared_ptr<const CertificatePair> own_;
  std::unique_ptr<std::string> refusal_;
  std::unique_ptr<std::string> reason_;
  std::unique_ptr<Target> target_;
  mutable std::unique_ptr<TlsFacts> facts_;
  event::MonotonicTime began_{};
  uint32_t burst_bytes_ = 0;  // discarded bytes while kRefused
  uint32_t wrote_tick_ = 0;
  State state_ = State::kFresh;
  bool has_turn_ = false;
  bool waited_ = false;    // … for it, so that the peer may have gone
  bool sniffing_ = false;  // what came is no TLS; too little to tell whether it is HTTP
  bool up_ = false;        // the handshake was told to be done
  bool write_ended_ = false;
  bool notified_ = false;  // close_notify is written
};

}  // namespace weir::extensions::transport_sockets
