#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "extensions/clusters/common/dns_settings.h"
#include "source/upstream/discovery.h"

namespace weir::extensions::clusters::logical_dns {

// One member, which has all the addresses of a name. Immutable.
class LogicalDns final : public upstream::MembershipSourceFactory {
 public:
  // More are left out.
  static constexpr size_t kMostAddresses = 8;

  LogicalDns(DnsCluster cluster, upstream::EndpointEntry entry, bool ipv4_first)
      : cluster_(std::move(cluster)), entry_(std::move(entry)), ipv4_first_(ipv4_first) {}

  std::unique_ptr<upstream::MembershipSource> create(base::ServiceMap& services,
                                                     upstream::MembershipSink& sink) const override;
  const std::string& identity() const override { return cluster_.identity; }

 private:
  const DnsCluster cluster_;
  const upstream::EndpointEntry entry_;
  const bool ipv4_first_;
};

// The families in turns, beginning with the one that is wanted, each in its own order (RFC 8305,
// 4); at most kMostAddresses.
std::vector<network::Address> interleaved(const std::vector<network::Address>& addresses,
                                          bool ipv4_first);

}  // namespace weir::extensions::clusters::logical_dns
