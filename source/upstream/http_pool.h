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
enum class PoolFailure : uint8_t { kOverflow, kConnectFailed, kConnectTimeout };

// A request that wants a stream. Worker-confined; one use at a time.
class PoolRequest : public base::ListNode<> {
 public:
  struct Ready {
    http::RequestEncoder& encoder;
    bool reused;  // the connection has carried a request before: a failure before any answer byte
                  // may be retried
    http::Version version;
  };
  // Exactly one of these, once; may come from inside HttpPool::acquire().
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
  bool counted_ = false;  // in ClusterUsage::pending
};

// Connections to one endpoint that carry HTTP requests, on one worker: one request each (HTTP/1) or
// several (HTTP/2), as the cluster says or the endpoint chooses. Worker-confined. No allocation for
// a request that finds a connection.
class HttpPool {
 public:
  virtual ~HttpPool() = default;
  // Takes a connection with room, or opens one (within the limits), or queues the request: first
  // come, first served, for at most the connect timeout.
  // `fresh`: only a connection that has carried nothing yet (the retry after a reused one broke);
  // HTTP/2: or that was opened after the last one broke.
  virtual void acquire(PoolRequest& request, bool fresh) = 0;
  // Takes a waiting request off the queue; it is not called any more.
  virtual void cancel(PoolRequest& request) = 0;
  // Closes idle connections; those in use take no more requests and close after theirs.
  virtual void drain() = 0;
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
