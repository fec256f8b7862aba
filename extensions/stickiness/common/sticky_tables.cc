#include "extensions/stickiness/common/sticky_tables.h"

#include "source/base/random.h"
#include "source/upstream/cluster.h"

namespace weir::extensions::stickiness {

std::shared_ptr<upstream::StickyTable> stickyTable(const upstream::StickinessContext& context,
                                                   std::string_view identity,
                                                   const upstream::StickyLimits& limits) {
  using upstream::StickyTable;
  upstream::WorkerCluster& cluster = context.cluster;
  const auto table = cluster.config().usage->stickyMemory<StickyTable>(identity, [&] {
    base::Random random;  // seeded by the kernel: nobody knows which keys share a place
    return std::make_shared<StickyTable>(limits, random.next(), cluster.io().dispatcher().now());
  });
  table->setLimits(limits);
  return table;
}

}  // namespace weir::extensions::stickiness
