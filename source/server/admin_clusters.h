#pragma once

#include "source/server/admin_handlers.h"

namespace weir::server {

// GET /clusters: the routing state of each cluster and what its endpoints have done. Main-thread
// only.
AdminReply showClusters(Server& server, const AdminRequest& request);

}  // namespace weir::server
