#pragma once

#include "source/server/admin_handlers.h"

namespace weir::server {

// POST /endpoints/drain, disable, enable: the operator's word on one endpoint. ?cluster=,
// ?endpoint= (its id) and, so that a change made meanwhile is not overwritten, ?revision=.
// Main-thread only.
AdminReply drainEndpoint(Server& server, const AdminRequest& request);
AdminReply disableEndpoint(Server& server, const AdminRequest& request);
AdminReply enableEndpoint(Server& server, const AdminRequest& request);

}  // namespace weir::server
