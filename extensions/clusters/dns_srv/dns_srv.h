#pragma once

#include <memory>
#include <string>
#include <utility>

#include "extensions/clusters/common/dns_settings.h"
#include "source/upstream/discovery.h"

namespace weir::extensions::clusters::dns_srv {

// The addresses of the targets that a service's SRV records name are the members. Immutable.
class DnsSrv final : public upstream::MembershipSourceFactory {
 public:
  // Targets that are resolved; records of further ones are left out, which is logged.
  static constexpr size_t kMostTargets = 256;
  // Priorities that are told apart; all that are behind have the last one.
  static constexpr uint32_t kMostPriorities = 128;

  DnsSrv(DnsCluster cluster, std::string service)
      : cluster_(std::move(cluster)), service_(std::move(service)) {}

  std::unique_ptr<upstream::MembershipSource> create(base::ServiceMap& services,
                                                     upstream::MembershipSink& sink) const override;
  const std::string& identity() const override { return cluster_.identity; }

 private:
  const DnsCluster cluster_;
  const std::string service_;
};

}  // namespace weir::extensions::clusters::dns_srv
