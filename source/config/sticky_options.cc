#include "source/config/sticky_options.h"

#include <chrono>

#include "api/weir/config/v1/sticky.pb.h"
#include "source/config/fields.h"

namespace weir::config {

upstream::StickyLimits readStickyTable(const v1::StickyTable& from, const Cursor& at) {
  upstream::StickyLimits to;
  to.ttl = readDuration(from.has_ttl() ? &from.ttl() : nullptr, to.ttl,
                        {std::chrono::seconds(1), std::chrono::hours(24 * 30)}, at.field("ttl"));
  to.max_entries = static_cast<uint32_t>(
      readNumberOr(from.max_entries(), to.max_entries, {1, 10'000'000}, at.field("max_entries")));
  to.max_bytes =
      readNumberOr(from.max_bytes(), to.max_bytes, {4096, 1'000'000'000}, at.field("max_bytes"));
  return to;
}

}  // namespace weir::config
