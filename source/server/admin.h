#pragma once

#include <memory>

#include "absl/status/statusor.h"

#include "source/base/service_map.h"
#include "source/network/listener.h"

namespace weir::server {

class Server;

// The admin listener: Weir's own HTTP connection manager on the main thread's loop, with the admin
// handlers in the place of the router. Main-thread only.
class Admin {
 public:
  // Binds `address`. `server` outlives the result.
  static absl::StatusOr<std::unique_ptr<Admin>> create(Server& server,
                                                       const network::Address& address);
  ~Admin();
  const network::Address& address() const { return sockets_->address(); }

 private:
  Admin(Server& server, std::shared_ptr<const network::ListenerConfig> config,
        std::unique_ptr<network::ListenSocketSet> sockets);

  std::unique_ptr<network::ListenSocketSet> sockets_;
  base::ServiceMap services_;
  std::unique_ptr<network::WorkerListener> listener_;
};

}  // namespace weir::server
