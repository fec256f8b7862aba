#include "extensions/stickiness/source_ip/source_ip.h"

#include <optional>

#include "extensions/stickiness/common/table_stickiness.h"
#include "source/base/concat.h"
#include "source/upstream/hash_policy.h"

namespace weir::extensions::stickiness::source_ip {

std::shared_ptr<const upstream::StickinessFactory> makeFactory(const Options& options) {
  const uint8_t ipv4 = options.ipv4_bits;
  const uint8_t ipv6 = options.ipv6_bits;
  return std::make_shared<TableStickinessFactory>(
      TableStickinessFactory::Options{
          .kind = "source_ip",
          .identity = base::concat("source_ip ", unsigned{ipv4}, " ", unsigned{ipv6}),
          .serves_connections = true,
          .limits = options.limits},
      [ipv4, ipv6](const upstream::PickContext& context) -> std::optional<uint64_t> {
        if (context.source == nullptr || !context.source->isIp()) return std::nullopt;
        return upstream::hashOf(*context.source, ipv4, ipv6);
      });
}

}  // namespace weir::extensions::stickiness::source_ip
