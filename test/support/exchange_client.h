#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "test/support/exchanges.h"
#include "test/support/http2_bodies.h"
#include "test/support/http2_peer.h"
#include "test/support/raw_connection.h"

namespace weir::test {

// Plays the client's part of an exchange on a connection of its own.
Seen exchangeByHttp1(uint16_t port, const Exchange& exchange);
Seen exchangeByHttp2(uint16_t port, const Exchange& exchange);

// Many exchanges at once on one HTTP/2 connection. Not thread-safe.
class Http2ExchangeClient {
 public:
  // Connects; started() is false when that came to nothing.
  explicit Http2ExchangeClient(uint16_t port);
  bool started() const { return started_; }

  // Sends its head; the rest follows in run(). `exchange` must stay. A number for seen().
  uint32_t begin(const Exchange& exchange);
  // Until each is over, or the connection.
  void run();
  Seen seen(uint32_t stream);
  http2::Http2Peer& peer() { return peer_; }

 private:
  enum class Stage { kHead, kBody, kTunnel, kTunnelEnd, kDone };
  struct Running {
    const Exchange* exchange;
    Stage stage = Stage::kHead;
  };
  http2::Fields fieldsOf(const Exchange& exchange) const;
  void proceed(uint32_t stream, Running& running);
  void sendBody(uint32_t stream, const Exchange& exchange);
  bool over(uint32_t stream, const Running& running);

  http2::Http2Peer peer_;
  http2::BodySender bodies_{peer_};
  bool started_ = false;
  std::map<uint32_t, Running> running_;
};

}  // namespace weir::test
