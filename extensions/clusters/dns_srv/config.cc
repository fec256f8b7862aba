#include "extensions/clusters/dns_srv/config.h"

#include <memory>
#include <utility>

#include "api/weir/extensions/clusters/dns_srv/v1/dns_srv.pb.h"
#include "extensions/clusters/common/config.h"
#include "extensions/clusters/dns_srv/dns_srv.h"
#include "source/config/fields.h"
#include "source/network/dns_resolver.h"

namespace weir::extensions::clusters::dns_srv {

upstream::Discovery DnsSrvExtension::compile(const google::protobuf::Message& config,
                                             const config::Cursor& at,
                                             config::CompileContext& context) const {
  const auto& from = static_cast<const v1::DnsSrv&>(config);
  const config::Cursor service = at.field("service");
  if (config::require(from.service(), service, "write a name such as \"_http._tcp.example.com\"")) {
    const absl::Status status = network::checkServiceName(from.service());
    if (!status.ok()) config::report(status, service);
  }
  DnsSettings settings = readDnsSettings(from.dns(), DnsFamilies::kIpv4Preferred, at.field("dns"));
  return {.membership = std::make_shared<DnsSrv>(makeDnsCluster(std::move(settings), from, context),
                                                 from.service())};
}

}  // namespace weir::extensions::clusters::dns_srv
