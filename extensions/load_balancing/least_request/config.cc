#include "extensions/load_balancing/least_request/config.h"

#include "api/weir/extensions/load_balancing/least_request/v1/least_request.pb.h"
#include "extensions/load_balancing/least_request/least_request.h"
#include "source/config/fields.h"

namespace weir::extensions::load_balancing::least_request {
namespace {

constexpr uint64_t kDefaultChoices = 2;
constexpr uint64_t kDefaultFullScanSize = 8;

}  // namespace

std::shared_ptr<const upstream::LoadBalancerFactory> LeastRequestExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::LeastRequest&>(config);
  LeastRequestOptions options;
  options.choices = static_cast<uint32_t>(
      config::readNumberOr(from.choices(), kDefaultChoices, {2, 16}, at.field("choices")));
  options.full_scan_limit = static_cast<uint32_t>(
      config::readNumber(from.has_full_scan_size() ? from.full_scan_size() : kDefaultFullScanSize,
                         {0, 1024}, at.field("full_scan_size")));
  return std::make_shared<LeastRequestFactory>(options);
}

}  // namespace weir::extensions::load_balancing::least_request
