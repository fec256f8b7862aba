#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/fd.h"
#include "test/support/test_certificates.h"

namespace weir::extensions::transport_sockets::test {

namespace certificates = weir::test;

// The other side of a TLS connection: BoringSSL by itself, whose bytes a test moves, sees and may
// change.
class TlsPeer {
 public:
  struct Options {
    bool server = false;
    uint16_t least = TLS1_VERSION;
    uint16_t most = TLS1_3_VERSION;
    std::string ciphers = {};               // of TLS 1.2; empty: BoringSSL's own
    std::string server_name = {};           // a client's
    std::vector<std::string> alpn = {};     // offered by a client, chosen by a server
    std::vector<uint16_t> signatures = {};  // that a client can check
    certificates::TestCertificate certificate = {};
    bool wants_certificate = false;  // a server's: of the client
    bool tickets = true;
    bool staple = false;             // a client's: wants an OCSP response
    SSL_SESSION* session = nullptr;  // to resume; borrowed
    SSL_CTX* context = nullptr;      // a server's of an earlier peer, so that it knows its tickets
  };
  TlsPeer(base::UniqueFd fd, const Options& options);

  SSL* ssl() { return ssl_.get(); }
  SSL_CTX* context() { return context_.get(); }
  int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }

  // What the socket has, as one string per recv(2); all of it goes to the SSL as well.
  std::vector<std::string> pull();
  // What the SSL has written goes to the socket, through `change` when there is one.
  void push();
  std::function<void(std::string&)> change;
  // What the SSL has written, taken away from it.
  std::string take();
  // Puts bytes on the socket as they are.
  void put(std::string_view bytes);

  enum class State { kGoingOn, kDone, kFailed };
  // Pulls, goes on with the handshake, pushes.
  State step();
  State state() const { return state_; }
  // What came, as far as it is there; `end` becomes true at close_notify.
  std::string read();
  bool ended() const { return ended_; }
  bool failed() const { return failed_; }
  void write(std::string_view text);

  std::string wire;  // all that came by the socket
  // The newest session that the other side offered.
  bssl::UniquePtr<SSL_SESSION> session;
  // The first error that the SSL gave, as text.
  std::string error;

 private:
  void setUp(const Options& options);
  void noteError();

  base::UniqueFd fd_;
  bssl::UniquePtr<SSL_CTX> context_;
  bssl::UniquePtr<SSL> ssl_;
  std::string alpn_;
  State state_ = State::kGoingOn;
  bool ended_ = false;
  bool failed_ = false;
};

}  // namespace weir::extensions::transport_sockets::test
