#pragma once

#include <cstdint>

#include "source/network/connection.h"
#include "source/upstream/http_pool.h"

namespace weir::upstream {

// How one pooled connection speaks HTTP, once it is up: receives its bytes, carries its requests.
// One for HTTP/1, one for HTTP/2. Lives as long as its PooledConnection, which it tells of all that
// changes. Worker-confined.
class HttpSide : public network::ConnectionHandler {
 public:
  virtual ~HttpSide() = default;

  // May carry requests: true at once, or after PooledConnection::becomeReady().
  virtual bool ready() const = 0;
  // How many requests can be begun now, and how many are in progress.
  virtual uint32_t room() const = 0;
  virtual uint32_t active() const = 0;
  // Only with room. `reused`: for PoolRequest::Ready.
  virtual void start(PoolRequest& request, bool reused) = 0;
  // No further request will come.
  virtual void retire() = 0;
  // Closes the connection, after some last words perhaps. It tells PooledConnection nothing more
  // but closed().
  virtual void closeConnection() = 0;
  // Ends the requests in progress with `error`, and the connection.
  virtual void breakOff(const http::StreamError& error) = 0;
  // All is about to be destroyed; requests in progress are not told.
  virtual void abandon() = 0;
};

}  // namespace weir::upstream
