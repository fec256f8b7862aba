#include "extensions/clusters/logical_dns/config.h"

#include <memory>
#include <utility>

#include "api/weir/extensions/clusters/logical_dns/v1/logical_dns.pb.h"
#include "extensions/clusters/common/config.h"
#include "extensions/clusters/logical_dns/logical_dns.h"
#include "source/base/concat.h"

namespace weir::extensions::clusters::logical_dns {

upstream::Discovery LogicalDnsExtension::compile(const google::protobuf::Message& config,
                                                 const config::Cursor& at,
                                                 config::CompileContext& context) const {
  const auto& from = static_cast<const v1::LogicalDns&>(config);
  DnsSettings settings = readDnsSettings(from.dns(), DnsFamilies::kAll, at.field("dns"));
  // Here they are an order, and no choice.
  const bool ipv4_first = settings.families == DnsFamilies::kIpv4Preferred;
  if (ipv4_first || settings.families == DnsFamilies::kIpv6Preferred) {
    settings.families = DnsFamilies::kAll;
  }
  // None at all has been reported.
  if (context.endpoints.size() > 1) {
    at.error(base::concat("the cluster lists ", context.endpoints.size(),
                          " endpoints, and logical_dns is about one"),
             "list one, or use clusters/strict_dns");
  }
  if (context.endpoints.empty()) return {};
  const upstream::EndpointEntry& entry = context.endpoints.front();
  if (entry.host.empty()) {
    at.error("the endpoint has an address, so that there is nothing to resolve",
             "write a name for its host, or remove discovery");
  }
  return {.membership = std::make_shared<LogicalDns>(
              makeDnsCluster(std::move(settings), from, context), entry, ipv4_first)};
}

}  // namespace weir::extensions::clusters::logical_dns
