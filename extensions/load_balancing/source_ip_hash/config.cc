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
  if (from.has_ipv4_prefix_length()) {
    options.ipv4_bits = static_cast<uint8_t>(
        config::readNumber(from.ipv4_prefix_length(), {1, 32}, at.field("ipv4_prefix_length")));
  }
  if (from.has_ipv6_prefix_length()) {
    options.ipv6_bits = static_cast<uint8_t>(
        config::readNumber(from.ipv6_prefix_length(), {1, 128}, at.field("ipv6_prefix_length")));
  }
  return std::make_shared<SourceIpHashFactory>(options);
}

}  // namespace weir::extensions::load_balancing::source_ip_hash
