#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/service_map.h"
#include "source/buffer/buffer.h"

namespace weir::network {

class Address;
struct ConnectionInfo;

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

// What one X.509 certificate says, as text. Value.
struct CertificateFacts {
  std::string subject;  // RFC 2253, most specific first: "CN=web,O=Example"
  std::string issuer;
  std::string serial;  // lower-case hex
  std::string sha256;  // of the DER form, lower-case hex
  std::vector<std::string> dns_names;
  std::vector<std::string> uris;  // a SPIFFE ID is one of them
  std::vector<std::string> emails;
  std::vector<std::string> ip_addresses;
  std::vector<std::string> oids;  // of its extensions: "2.5.29.17"
  std::string pem;
  std::chrono::system_clock::time_point not_before;
  std::chrono::system_clock::time_point not_after;
};

// What the transport knows of a secured connection, once its handshake is done. All views live as
// long as the transport. What is costly is made when first asked for. Worker-confined.
class SecurityInfo {
 public:
  virtual ~SecurityInfo() = default;
  virtual std::string_view tlsVersion() const = 0;  // "TLSv1.3"
  virtual std::string_view cipher() const = 0;      // "TLS_AES_128_GCM_SHA256"
  // Its number (IANA), 0xffff: unknown; and what OpenSSL calls it, or empty.
  virtual uint16_t cipherId() const { return 0xffff; }
  virtual std::string_view cipherOpenSslName() const { return {}; }
  virtual std::string_view requestedServerName() const = 0;  // SNI in lower case, or empty
  virtual std::string_view sessionId() const { return {}; }  // lower-case hex, or empty
  virtual bool resumed() const { return false; }
  // nullptr when the peer presented none.
  virtual const CertificateFacts* peerCertificate() const { return nullptr; }
  // What the peer presented, its own certificate first, as PEM; empty: none.
  virtual std::string_view peerChainPem() const { return {}; }
  // The peer's certificate was checked against a trust store, not only taken.
  virtual bool peerVerified() const { return false; }
  // The own one, or nullptr.
  virtual const CertificateFacts* localCertificate() const { return nullptr; }
};

// The connection as its transport sees it. Worker-confined.
class TransportHost {
 public:
  // A handshake that waited for its turn (TransportSocket::waitsForTurn) may go on: the host calls
  // handshake() at the end of the current callback. Not from inside a call of the host.
  virtual void transportReady() = 0;

 protected:
  ~TransportHost() = default;
};

// Bytes to and from the wire of one connection: plain, TLS. The Connection owns descriptor and
// readiness; the transport moves bytes and keeps its own handshake state. Worker-confined; one per
// connection.
class TransportSocket {
 public:
  virtual ~TransportSocket() = default;

  // The descriptor is connected (client) or accepted (server) and stays valid until close, as does
  // `host`.
  virtual void attach(int fd, TransportHost& host) = 0;
  // Bytes that were read from the descriptor before the transport had it: read() and handshake()
  // see them first. Empties `early`. Called before handshake(). Never for a raw transport, whose
  // connection keeps them.
  virtual void unread(buffer::Buffer& early) = 0;
  // Drives a handshake. kOk: done, data may flow. kWouldBlock: call again on readiness
  // (wantsWrite() says which). Plain is done at once.
  virtual IoResult handshake() { return {}; }
  virtual bool wantsWrite() const { return false; }
  // The handshake waits for neither reading nor writing, but for transportReady().
  virtual bool waitsForTurn() const { return false; }

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

// Who a connection to an endpoint is made for: what a transport may tell the endpoint. Views live
// for the call.
struct TransportTarget {
  std::string_view server_name = {};  // host the client asked for, without port; or its SNI
  const Address* source = nullptr;    // the client's address, and the one it connected to
  const Address* destination = nullptr;
  uint64_t connection_id = 0;  // of the client's connection, unique in the process; 0: none
  const ConnectionInfo* info = nullptr;           // of the client's connection
  const SecurityInfo* client_security = nullptr;  // likewise
};

// Which parts of a TransportTarget a transport uses: connections made for one target are only
// shared with those for which these parts are the same.
struct TransportNeeds {
  bool server_name = false;
  bool client = false;  // source, destination, info
  bool any() const { return server_name || client; }
};

// Makes the transports of one listener's filter chain or one cluster on one worker.
// Worker-confined.
class WorkerTransportSocketFactory {
 public:
  virtual ~WorkerTransportSocketFactory() = default;
  // nullptr for plain: a connection has that built in. `target` is empty for accepted connections.
  virtual std::unique_ptr<TransportSocket> create(const TransportTarget& target) = 0;
};

// What a transport socket extension makes of its configuration. Immutable; shared by all workers,
// which bind it.
class TransportSocketFactory {
 public:
  virtual ~TransportSocketFactory() = default;
  // `services` as for network filters, but for clusters only: no upstream::ClusterSet. nullptr for
  // plain. Both factory and services outlive what is returned.
  virtual std::unique_ptr<WorkerTransportSocketFactory> bind(base::ServiceMap& services) const = 0;
  virtual bool secure() const { return false; }
  virtual TransportNeeds needs() const { return {}; }
  // How long an accepted connection may take until its transport is up; zero: no limit.
  virtual std::chrono::milliseconds handshakeTimeout() const {
    return std::chrono::milliseconds(0);
  }
};

}  // namespace weir::network
