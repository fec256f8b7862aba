#pragma once

#include "source/config/diagnostics.h"
#include "source/config/extensions.h"
#include "source/redis/link.h"

namespace weir::config::v1 {
class Redis;
}

namespace weir::config {

// Which server a message names; reports what is wrong with it. `at`: the message itself.
redis::Server compileRedis(const v1::Redis& from, const Cursor& at, CompileContext& context);

}  // namespace weir::config
