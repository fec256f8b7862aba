#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "source/base/service_map.h"
#include "source/network/udp_socket.h"

namespace weir::network {

// What a UDP filter may ask of the listener that it is bound to, on one worker. Worker-confined;
// outlives the filter.
class UdpFilterHost {
 public:
  // Sends to the client `datagrams.peer`, from `datagrams.local` where the listener has a wildcard
  // address. Copied or sent when it returns; what there is no room for is dropped and counted.
  virtual void send(const UdpDatagrams& datagrams) = 0;
  // Counts a session against the limits of the process; false when they are reached. A session is
  // given back with releaseSession(), and keeps a draining listener alive until then.
  virtual bool acquireSession() = 0;
  virtual void releaseSession() = 0;
  virtual const UdpOffload& offload() const = 0;
  virtual std::string_view listenerName() const = 0;

 protected:
  ~UdpFilterHost() = default;
};

class UdpFilterFactory;

// Takes the datagrams of one listener on one worker. Worker-confined.
class UdpFilter {
 public:
  virtual ~UdpFilter() = default;
  // `datagrams.peer` is set; `datagrams.local` where the listener has a wildcard address. The bytes
  // stay until onBatchEnd(), the addresses too.
  virtual void onDatagrams(const UdpDatagrams& datagrams) = 0;
  // What came by onDatagrams() is overwritten next.
  virtual void onBatchEnd() = 0;
  // Goes on by a new configuration, or with the clusters that there are now, with what it has.
  // False when `factory` is not of its kind: then it is destroyed.
  virtual bool follow(const std::shared_ptr<const UdpFilterFactory>& factory) = 0;
  // No new sessions; those that there are end when they fall silent.
  virtual void drain() = 0;
  // Ends all sessions now.
  virtual void closeAll() = 0;
};

// What a udp_filters extension makes of its configuration. Immutable.
class UdpFilterFactory : public std::enable_shared_from_this<UdpFilterFactory> {
 public:
  virtual ~UdpFilterFactory() = default;
  // `services` as for network filters.
  virtual std::unique_ptr<UdpFilter> bind(UdpFilterHost& host,
                                          base::ServiceMap& services) const = 0;
};

}  // namespace weir::network
