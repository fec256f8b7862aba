#include "extensions/clusters/strict_dns/config.h"

#include <memory>
#include <utility>

#include "api/weir/extensions/clusters/strict_dns/v1/strict_dns.pb.h"
#include "extensions/clusters/common/config.h"
#include "extensions/clusters/strict_dns/strict_dns.h"

namespace weir::extensions::clusters::strict_dns {

upstream::Discovery StrictDnsExtension::compile(const google::protobuf::Message& config,
                                                const config::Cursor& at,
                                                config::CompileContext& context) const {
  const auto& from = static_cast<const v1::StrictDns&>(config);
  DnsSettings settings = readDnsSettings(from.dns(), DnsFamilies::kIpv4Preferred, at.field("dns"));
  return {.membership = std::make_shared<StrictDns>(
              makeDnsCluster(std::move(settings), from, context),
              std::vector(context.endpoints.begin(), context.endpoints.end()))};
}

}  // namespace weir::extensions::clusters::strict_dns
