#pragma once

#include "source/server/admin_handlers.h"

namespace weir::server {

// POST /explain: what would become of the request that the body describes, against what is running;
// one worker is asked for what clusters would choose. Or, with a request id, what became of an
// exchange. Main-thread only.
AdminReply explainRequest(Server& server, const AdminRequest& request);

}  // namespace weir::server
