#pragma once

#include <memory>

#include "extensions/transport_sockets/common/handshake_gate.h"
#include "extensions/transport_sockets/common/wire.h"
#include "source/base/local_ref.h"
#include "source/base/service_map.h"
#include "source/network/io_context.h"

namespace weir::extensions::transport_sockets {

// What all TLS connections of one worker share, of whatever listener or cluster. Worker-confined.
class TlsWorker final : public base::LocalCounted {
 public:
  // The worker's own: made when first asked for, kept by `services`, which has
  // network::IoContext.
  static TlsWorker& of(base::ServiceMap& services);
  explicit TlsWorker(network::IoContext& io);

  network::IoContext& io() { return io_; }
  event::Dispatcher& dispatcher() { return io_.dispatcher(); }
  Wire& wire() { return wire_; }
  HandshakeGate& gate() { return gate_; }
  // Where small pieces are joined to one record.
  static constexpr size_t kJoinBytes = 16 * 1024;
  char* joinRoom() { return join_.get(); }

 private:
  network::IoContext& io_;
  Wire wire_;
  HandshakeGate gate_;
  std::unique_ptr<char[]> join_;
};

}  // namespace weir::extensions::transport_sockets
