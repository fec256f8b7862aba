#pragma once

#include <cstdint>
#include <memory>

#include "source/base/intrusive_list.h"
#include "source/event/dispatcher.h"
#include "source/http/codec.h"
#include "source/network/connection.h"
#include "source/upstream/cluster.h"

namespace weir::upstream {

// Why no stream could be had.
enum class PoolFailure : uint8_t {
  kNoRoom,  // what it waited for takes fewer requests than expected: choose again
  kConnectFailed,
  kConnectTimeout
};

// A request that wants a stream. Worker-confined; one use at a time.
class PoolRequest : public base::ListNode<> {
 public:
  struct Ready {
    http::RequestEncoder& encoder;
    bool reused;  // the connection has carried a request before: a failure before any answer byte
                  // may be retried
    http::Version version;
  };
  // Exactly one of these, once; may come from inside HttpPool::acquire(). None if that said false.
  virtual void onPoolReady(const Ready& ready) = 0;
  virtual void onPoolFailure(PoolFailure failure, std::string_view detail) = 0;
  // Where the stream's answer goes. Stays valid until the exchange is complete or reset.
  virtual http::ResponseDecoder& responseDecoder() = 0;
  // For whom a connection is made, if one has to be made for it and its transport wants to know.
  // Asked for before and while it waits; what it refers to stays for the call.
  virtual network::TransportTarget transportTarget() const { return {}; }
  // What one read brought has been handed to the decoder, and more of the response is to come: the
  // moment to take over the raw connection.
  virtual void onReadDone() {}

 protected:
  // Not while it waits: HttpPool::cancel() first.
  ~PoolRequest() = default;

 private:
  friend class EndpointHttpPool;
  event::MonotonicTime give_up_at_;
  bool fresh_ = false;
};

// Connections to one endpoint that carry HTTP requests, on one worker: one request each (HTTP/1) or
// several (HTTP/2), as the cluster says or the endpoint chooses. Who waits here waits for a
// connection that is being opened; who waits for room, in WorkerCluster::queue(), which is told
// when a connection has some. Worker-confined. No allocation for a request that finds a connection.
class HttpPool {
 public:
  virtual ~HttpPool() = default;
  // Takes a connection with room, or waits for one that is being opened, for at most the connect
  // timeout. False, and nothing has happened, when none has room and the limits forbid to open one.
  // `fresh`: only a connection that has carried nothing yet (the retry after a reused one broke);
  // HTTP/2: or that was opened after the last one broke.
  [[nodiscard]] virtual bool acquire(PoolRequest& request, bool fresh) = 0;
  // Whose queue() is for those who find no room.
  virtual WorkerCluster& cluster() = 0;
  // A request would find a connection that is open or being opened.
  virtual bool hasRoom() = 0;
  // Takes a waiting request off the queue; it is not called any more.
  virtual void cancel(PoolRequest& request) = 0;
  // Closes idle connections; those in use take no more requests and close after theirs.
  virtual void drain() = 0;
  // After drain(): new connections are kept again.
  virtual void undrain() = 0;
  // Ends all connections, also those in use: their requests fail as by a reset for this reason
  // (static text); those who wait for a connection choose again. Not from inside a call of one.
  virtual void breakOff(std::string_view reason) = 0;
  // Closes idle connections; new ones are kept again.
  virtual void closeIdle() = 0;
  // Closes the idle connection that was not used for longest; false when there is none.
  virtual bool closeOneIdle() = 0;
  virtual size_t idleConnections() const = 0;
  virtual size_t openConnections() const = 0;
};

// Worker-confined.
class HttpPoolOwner {
 public:
  // The pool has no connection any more and nobody waits in it. Called once, by the pool, which
  // therefore is not destroyed before the current callback has returned; it is given no request
  // any more.
  virtual void onPoolUnused() = 0;

 protected:
  ~HttpPoolOwner() = default;
};

// `endpoint` and `cluster` outlive the pool, as does `owner`, who may be null.
std::unique_ptr<HttpPool> createHttpPool(WorkerCluster& cluster, WorkerEndpoint& endpoint,
                                         HttpPoolOwner* owner = nullptr);

}  // namespace weir::upstream
