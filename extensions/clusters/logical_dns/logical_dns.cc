#include "extensions/clusters/logical_dns/logical_dns.h"

#include <algorithm>

#include "extensions/clusters/common/dns_members.h"
#include "extensions/clusters/common/dns_watch.h"

namespace weir::extensions::clusters::logical_dns {
namespace {

using upstream::Endpoint;
using upstream::EndpointEntry;

// Main-thread only.
class Source final : public upstream::MembershipSource {
 public:
  Source(base::ServiceMap& services, upstream::MembershipSink& sink, DnsCluster cluster,
         EndpointEntry entry, bool ipv4_first)
      : cluster_(std::move(cluster)),
        entry_(std::move(entry)),
        ipv4_first_(ipv4_first),
        context_(services, cluster_),
        members_(context_, sink),
        watch_(context_, entry_.host, [this] { publish(); }) {}

 private:
  void publish() {
    auto addresses = interleaved(watch_.addresses(), ipv4_first_);
    for (network::Address& address : addresses) address = address.withPort(entry_.port);
    std::vector<Endpoint> endpoints;
    if (!addresses.empty()) {
      Endpoint endpoint = entry_.endpoint;
      endpoint.logical = true;
      endpoint.address = addresses.front();
      endpoint.more_addresses.assign(addresses.begin() + 1, addresses.end());
      endpoints.push_back(std::move(endpoint));
    }
    members_.publish(std::move(endpoints), *watch_.outcome());
  }

  const DnsCluster cluster_;
  const EndpointEntry entry_;
  const bool ipv4_first_;
  DnsWatchContext context_;
  DnsMembers members_;
  HostWatch watch_;
};

}  // namespace

std::vector<network::Address> interleaved(const std::vector<network::Address>& addresses,
                                          bool ipv4_first) {
  std::vector<network::Address> first, second, result;
  for (const network::Address& address : addresses) {
    const bool ipv4 = address.family() == network::Address::Family::kIpv4;
    (ipv4 == ipv4_first ? first : second).push_back(address);
  }
  for (size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) result.push_back(first[i]);
    if (i < second.size()) result.push_back(second[i]);
  }
  if (result.size() > LogicalDns::kMostAddresses) result.resize(LogicalDns::kMostAddresses);
  return result;
}

std::unique_ptr<upstream::MembershipSource> LogicalDns::create(
    base::ServiceMap& services, upstream::MembershipSink& sink) const {
  return std::make_unique<Source>(services, sink, cluster_, entry_, ipv4_first_);
}

}  // namespace weir::extensions::clusters::logical_dns
