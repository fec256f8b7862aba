#include "extensions/load_balancing/least_time/config.h"

#include "api/weir/extensions/load_balancing/least_time/v1/least_time.pb.h"
#include "extensions/load_balancing/least_time/least_time.h"
#include "source/config/fields.h"

namespace weir::extensions::load_balancing::least_time {
namespace {

constexpr std::chrono::seconds kDefaultHalfLife{10};
constexpr uint64_t kDefaultFailureFactor = 10;
constexpr uint64_t kDefaultChoices = 2;
constexpr uint64_t kDefaultFullScanSize = 8;

}  // namespace

std::shared_ptr<const upstream::LoadBalancerFactory> LeastTimeExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::LeastTime&>(config);
  LeastTimeOptions options;
  options.half_life = config::readDuration(
      from.has_half_life() ? &from.half_life() : nullptr, kDefaultHalfLife,
      {std::chrono::milliseconds(10), std::chrono::hours(1)}, at.field("half_life"));
  options.failure_factor = static_cast<uint32_t>(config::readNumberOr(
      from.failure_factor(), kDefaultFailureFactor, {1, 1000}, at.field("failure_factor")));
  options.choices = static_cast<uint32_t>(
      config::readNumberOr(from.choices(), kDefaultChoices, {2, 16}, at.field("choices")));
  options.full_scan_limit = static_cast<uint32_t>(
      config::readNumber(from.has_full_scan_size() ? from.full_scan_size() : kDefaultFullScanSize,
                         {0, 1024}, at.field("full_scan_size")));
  return std::make_shared<LeastTimeFactory>(options);
}

}  // namespace weir::extensions::load_balancing::least_time
