#pragma once

#include "source/config/diagnostics.h"
#include "source/upstream/sticky_table.h"

namespace weir::config::v1 {
class StickyTable;
}

namespace weir::config {

// What a `table` field of a stickiness says; `at`: of that message.
upstream::StickyLimits readStickyTable(const v1::StickyTable& from, const Cursor& at);

}  // namespace weir::config
