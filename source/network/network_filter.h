#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "source/base/service_map.h"
#include "source/buffer/buffer.h"
#include "source/network/connection.h"

namespace weir::network {

class NetworkFilterChain;
class WorkerFilterChain;

// What a filter says after a call: hand the same on to the next filter now, or stop here until it
// calls resume. (The HTTP filter chain has the same two.)
enum class Verdict : uint8_t { kContinue, kPause };

// One network filter of one connection. The last of a chain (HTTP connection manager, TCP proxy)
// takes the bytes for good. Worker-confined. Destroyed with the connection, never from inside its
// own call.
class NetworkFilter {
 public:
  virtual ~NetworkFilter() = default;
  // Once, when it is made; the transport may not be up yet. `chain` outlives the filter.
  virtual void onNewConnection(NetworkFilterChain& chain) { chain_ = &chain; }
  // Once, before any data: the transport is up, and what it knows of the peer is there. At once for
  // plain connections, after the handshake for secured ones. kPause keeps this and all data from
  // the filters behind until NetworkFilterChain::resumeConnected().
  virtual Verdict onConnected() { return Verdict::kContinue; }
  // Downstream bytes. On kContinue what is left in `data` goes to the next filter; on kPause it
  // stays and is offered again together with what comes next, or goes on with resumeRead(). What
  // the last filter leaves stays likewise.
  virtual Verdict onData(buffer::Buffer& data, bool end_stream) = 0;
  // Bytes on their way to the client. Only called when wantsWrites(). A filter that pauses takes
  // the bytes out of `data` and sends them on later with chain().write(*this, ...); what it leaves
  // then is dropped.
  virtual Verdict onWrite(buffer::Buffer& data, bool end_stream);
  virtual bool wantsWrites() const { return false; }
  // False: its onData lets all bytes pass unseen, so that they may also pass inside the kernel.
  virtual bool wantsReads() const { return true; }
  virtual void onAboveHighWatermark() {}
  virtual void onBelowLowWatermark() {}
  // The worker is draining: finish and close soon.
  virtual void onDrain() {}
  // The last call; none when a filter in front has closed before onNewConnection came here.
  virtual void onClose(CloseReason reason) = 0;

 protected:
  NetworkFilter() = default;
  NetworkFilterChain& chain() { return *chain_; }

 private:
  friend class NetworkFilterChain;
  NetworkFilterChain* chain_ = nullptr;
  std::unique_ptr<NetworkFilter> next_;
  uint8_t index_ = 0;
  bool paused_ = false;
  bool ended_ = false;  // was told end_stream
  bool begun_ = false;  // was told onNewConnection
};

// Makes the filters of one kind and configuration on one worker. Worker-confined.
class WorkerNetworkFilterFactory {
 public:
  virtual ~WorkerNetworkFilterFactory() = default;
  virtual std::unique_ptr<NetworkFilter> create() = 0;
};

// What a network filter extension makes of its configuration. Immutable; shared by all workers,
// which bind it.
class NetworkFilterFactory {
 public:
  virtual ~NetworkFilterFactory() = default;
  // `services` has the worker's event::Dispatcher, network::IoContext, stats::Block, stats::Store,
  // upstream::ClusterSet, base::TaskPool, base::FileWriter. Outlives what is returned, as do the
  // services.
  virtual std::unique_ptr<WorkerNetworkFilterFactory> bind(base::ServiceMap& services) const = 0;
  // What a terminal filter can speak, most wanted first, for ALPN: "http/1.1". Empty: anything.
  virtual std::vector<std::string> applicationProtocols() const { return {}; }
};

}  // namespace weir::network
