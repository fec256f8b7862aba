#pragma once

#include <optional>
#include <string>

#include "nlohmann/json.hpp"

#include "source/http/recent_requests.h"
#include "source/server/admin_handlers.h"

namespace weir::server {

// GET /requests: the last exchanges of all workers, the newest first; ?id=, ?status=, ?limit=.
// Main-thread only.
AdminReply showRequests(Server& server, const AdminRequest& request);

// One exchange, with what became of it in words.
nlohmann::ordered_json recentJson(const http::RecentRequest& request, uint32_t worker);

// For POST /explain: what became of the exchanges with this request id.
AdminReply explainRecent(Server& server, const std::string& request_id, bool as_text);

}  // namespace weir::server
