#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "source/base/service_map.h"
#include "source/network/connection_info.h"

namespace weir::network {

// A connection that was accepted and has no filter chain yet. Worker-confined.
struct InspectedConnection {
  int fd = -1;
  Address remote;                        // a filter may replace both by what a proxy in front says
  std::shared_ptr<const Address> local;  // null when it would have to be asked of the kernel
  const Address* listener = nullptr;     // what the listener is bound to, maybe a wildcard
  std::unique_ptr<ConnectionInfo> info;  // never null while filters run
  const Address& localAddress();         // asks the kernel when need be
};

// Looks at a connection before its filter chain is chosen: at its socket or at its first bytes.
// Worker-confined; one per connection, destroyed when it has had its say.
class ListenerFilter {
 public:
  enum class Step : uint8_t {
    kContinue,  // it is done; the next filter, or the choice of the filter chain
    kNeedMore,  // call again when more bytes have come
    kClose,     // the connection is refused
  };
  virtual ~ListenerFilter() = default;
  // Most bytes of this connection that it must see at once, for the engine to keep; 0: it looks at
  // none and is called once, at once.
  virtual size_t maxBytes(const InspectedConnection& connection) const = 0;
  // All bytes that came and that no filter has consumed, in one piece; only ever more of them from
  // call to call. `ended`: the peer sends no more. `consume`, set with kContinue: so many of them
  // belong to the filter alone. kNeedMore with maxBytes() seen, or with `ended`, means kClose.
  virtual Step inspect(std::string_view bytes, bool ended, InspectedConnection& connection,
                       size_t& consume) = 0;
  // How long it may wait for bytes; zero: only the listener's own limit holds, which closes.
  virtual std::chrono::milliseconds timeout() const { return std::chrono::milliseconds(0); }
  // timeout() has passed since its first call: kContinue or kClose.
  virtual Step onTimeout(InspectedConnection&) { return Step::kClose; }
};

// Makes the filters of one kind and configuration on one worker. Worker-confined; outlives them.
class WorkerListenerFilterFactory {
 public:
  virtual ~WorkerListenerFilterFactory() = default;
  virtual std::unique_ptr<ListenerFilter> create() = 0;
};

// What a listener filter extension makes of its configuration. Immutable; shared by all workers,
// which bind it.
class ListenerFilterFactory {
 public:
  virtual ~ListenerFilterFactory() = default;
  // `services` as for network filters.
  virtual std::unique_ptr<WorkerListenerFilterFactory> bind(base::ServiceMap& services) const = 0;
};

}  // namespace weir::network
