#include "extensions/load_balancing/first/config.h"

#include "api/weir/extensions/load_balancing/first/v1/first.pb.h"
#include "extensions/load_balancing/first/first.h"
#include "source/config/fields.h"

namespace weir::extensions::load_balancing::first {

std::shared_ptr<const upstream::LoadBalancerFactory> FirstExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::First&>(config);
  FirstOptions options;
  options.max_in_flight = static_cast<uint32_t>(
      config::readNumberOr(from.max_in_flight(), 0, {1, 1'000'000}, at.field("max_in_flight")));
  return std::make_shared<FirstFactory>(options);
}

}  // namespace weir::extensions::load_balancing::first
