#include "extensions/load_balancing/ring_hash/config.h"

#include "api/weir/extensions/load_balancing/ring_hash/v1/ring_hash.pb.h"
#include "extensions/load_balancing/ring_hash/ring_hash.h"
#include "source/config/fields.h"

namespace weir::extensions::load_balancing::ring_hash {

std::shared_ptr<const upstream::LoadBalancerFactory> RingHashExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::RingHash&>(config);
  const auto read = [&](uint32_t value, uint32_t fallback, config::NumberRange range,
                        std::string_view field) {
    return static_cast<uint32_t>(config::readNumberOr(value, fallback, range, at.field(field)));
  };
  RingOptions options;
  options.points_per_weight =
      read(from.points_per_weight(), options.points_per_weight, {1, 4096}, "points_per_weight");
  options.max_points = read(from.max_points(), options.max_points, {1024, 1 << 24}, "max_points");
  options.probes = read(from.probes(), options.probes, {1, RingTable::kMostProbes}, "probes");
  const uint32_t bound =
      read(from.bounded_load_percent(), 0, {105, 10'000}, "bounded_load_percent");
  return std::make_shared<RingHashFactory>(options, bound);
}

}  // namespace weir::extensions::load_balancing::ring_hash
