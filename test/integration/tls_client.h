#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "test/support/raw_connection.h"
#include "test/support/test_certificates.h"

namespace weir::test {

// A listener "edge" (port 0) that ends TLS with the server's certificate of `pki`, and sends all
// requests to cluster "origin". `fields`: further ones of the transport socket; `filter`: another
// network filter, with its configuration.
std::string tlsListener(const TestPki& pki, std::string_view fields = {},
                        std::string_view filter = {});

// A blocking client over TLS that takes whatever certificate it is shown.
class TlsClient {
 public:
  struct Options {
    uint16_t most = TLS1_3_VERSION;
    bool tickets = true;
    SSL_SESSION* session = nullptr;  // to resume; borrowed for the call
  };
  explicit TlsClient(uint16_t port) : TlsClient(port, Options()) {}
  TlsClient(uint16_t port, const Options& options);

  bool up() const { return up_; }
  std::string commonName() const;
  // The response to `request`, which has a Content-Length.
  std::string exchange(const std::string& request);
  // The session of this connection; one of TLS 1.2 can be resumed.
  bssl::UniquePtr<SSL_SESSION> session() const {
    return bssl::UniquePtr<SSL_SESSION>(SSL_get1_session(ssl_.get()));
  }
  bool resumed() const { return SSL_session_reused(ssl_.get()) != 0; }

 private:
  RawConnection connection_;
  bssl::UniquePtr<SSL_CTX> context_;
  bssl::UniquePtr<SSL> ssl_;
  bool up_ = false;
};

}  // namespace weir::test
