#pragma once

#include <cstdint>

#include "nlohmann/json.hpp"

#include "source/server/admin_handlers.h"

namespace weir::server {

// An answer of JSON, for handlers. Text that is no UTF-8 is replaced.
AdminReply adminJson(const nlohmann::json& value, uint16_t status = 200);

}  // namespace weir::server
