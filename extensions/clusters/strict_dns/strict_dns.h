#pragma once

#include <memory>
#include <string>
#include <vector>

#include "extensions/clusters/common/dns_settings.h"
#include "source/upstream/discovery.h"

namespace weir::extensions::clusters::strict_dns {

// Every address of every name is a member, as the entry with the name says it; so is every entry
// with an address. Immutable.
class StrictDns final : public upstream::MembershipSourceFactory {
 public:
  StrictDns(DnsCluster cluster, std::vector<upstream::EndpointEntry> entries)
      : cluster_(std::move(cluster)), entries_(std::move(entries)) {}

  std::unique_ptr<upstream::MembershipSource> create(base::ServiceMap& services,
                                                     upstream::MembershipSink& sink) const override;
  const std::string& identity() const override { return cluster_.identity; }

 private:
  const DnsCluster cluster_;
  const std::vector<upstream::EndpointEntry> entries_;
};

}  // namespace weir::extensions::clusters::strict_dns
