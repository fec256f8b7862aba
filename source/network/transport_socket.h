#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "source/buffer/buffer.h"

namespace weir::network {

// What one read or write on a transport came to.
struct IoResult {
  enum class State : uint8_t {
    kOk,          // bytes moved; more may be possible
    kWouldBlock,  // as much as possible was moved (bytes may be > 0); wait for readiness
    kEnd,         // read: the peer has ended its side in an orderly way
    kError,       // the connection is dead; `error` says why
  };
  size_t bytes = 0;
  State state = State::kOk;
  int error = 0;  // errno, or 0 with `reason()` of the transport (TLS)
};

// What the transport knows of a secured connection. All views live as long as the transport.
// Worker-confined.
class SecurityInfo {
 public:
  virtual ~SecurityInfo() = default;
  virtual std::string_view tlsVersion() const = 0;
  virtual std::string_view cipher() const = 0;
  virtual std::string_view requestedServerName() const = 0;
  virtual std::string_view peerSubject() const = 0;
};

// Bytes to and from the wire of one connection: plain, TLS. The Connection owns descriptor and
// readiness; the transport moves bytes and keeps its own handshake state. Worker-confined; one per
// connection.
class TransportSocket {
 public:
  virtual ~TransportSocket() = default;

  // The descriptor is connected (client) or accepted (server) and stays valid until close.
  virtual void attach(int fd) = 0;
  // Drives a handshake. kOk: done, data may flow. kWouldBlock: call again on readiness
  // (wantsWrite() says which). Plain is done at once.
  virtual IoResult handshake() { return {}; }
  virtual bool wantsWrite() const { return false; }

  // Fills `out`; never both bytes > 0 and kError: deliver first, fail on the next call.
  virtual IoResult read(std::span<char> out) = 0;
  // Writes from the front of `data` and drains what was written.
  virtual IoResult write(buffer::Buffer& data) = 0;
  // Ends the own side in an orderly way (FIN, close_notify) after all is written.
  virtual IoResult shutdownWrite() = 0;

  // True when the descriptor carries the very bytes, so that splice(2) may take over.
  virtual bool bytesAreRaw() const { return false; }
  // Chosen by ALPN; empty when none.
  virtual std::string_view applicationProtocol() const { return {}; }
  virtual const SecurityInfo* security() const { return nullptr; }
  virtual std::string reason() const { return {}; }
};

// Makes the transports of one listener's filter chain or one cluster. Immutable.
class TransportSocketFactory {
 public:
  virtual ~TransportSocketFactory() = default;
  // nullptr for plain: a connection has that built in.
  virtual std::unique_ptr<TransportSocket> create() const = 0;
  virtual bool secure() const { return false; }
};

}  // namespace weir::network
