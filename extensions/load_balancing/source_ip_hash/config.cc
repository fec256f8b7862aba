#include "extensions/load_balancing/source_ip_hash/config.h"

#include "api/weir/extensions/load_balancing/source_ip_hash/v1/source_ip_hash.pb.h"
#include "extensions/load_balancing/source_ip_hash/source_ip_hash.h"
#include "source/config/fields.h"

namespace weir::extensions::load_balancing::source_ip_hash {

std::shared_ptr<const upstream::LoadBalancerFactory> SourceIpHashExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::SourceIpHash&>(config);
  SourceIpHashOptions options;
  config::readPrefixLengths(from, at, options);
  return std::make_shared<SourceIpHashFactory>(options);
}

}  // namespace weir::extensions::load_balancing::source_ip_hash
