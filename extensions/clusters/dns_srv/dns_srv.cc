#include "extensions/clusters/dns_srv/dns_srv.h"

#include <algorithm>
#include <map>
#include <vector>

#include "extensions/clusters/common/dns_members.h"
#include "extensions/clusters/common/dns_watch.h"
#include "source/base/concat.h"
#include "source/base/log.h"

namespace weir::extensions::clusters::dns_srv {
namespace {

using network::DnsFailure;
using network::DnsService;
using upstream::Endpoint;

// Main-thread only.
class Source final : public upstream::MembershipSource {
 public:
  Source(base::ServiceMap& services, upstream::MembershipSink& sink, DnsCluster cluster,
         const std::string& service)
      : cluster_(std::move(cluster)),
        context_(services, cluster_),
        members_(context_, sink),
        patience_(context_.dispatcher(), [this] { publish(); }),
        service_(context_, service, [this] { followService(); }) {}

 private:
  // Watches of targets that stay go on with what they know.
  void followService() {
    std::map<std::string, std::unique_ptr<HostWatch>> targets;
    bool cut = false;
    for (const DnsService& service : service_.services()) {
      if (targets.contains(service.target)) continue;
      cut = cut || targets.size() == DnsSrv::kMostTargets;
      if (targets.size() == DnsSrv::kMostTargets) continue;
      auto& watch = targets[service.target];
      if (const auto old = targets_.find(service.target); old != targets_.end()) {
        watch = std::move(old->second);
      } else {
        watch = std::make_unique<HostWatch>(context_, service.target, [this] { publish(); });
      }
    }
    targets_ = std::move(targets);
    patience_.restart();
    if (cut) {
      base::log::warning("dns", "cluster \"", cluster_.name, "\": SRV records name more than ",
                         DnsSrv::kMostTargets, " targets; the rest is left out");
    }
    publish();
  }

  void publish() {
    std::vector<Endpoint> endpoints;
    DnsFailure failure = service_.outcome().value_or(DnsFailure::kNone);
    for (const auto& [name, watch] : targets_) {
      const DnsFailure outcome = watch->outcome().value_or(DnsFailure::kNone);
      if (!watch->outcome() && !patience_.over()) return;
      if (outcome != DnsFailure::kNone) failure = outcome;
    }
    uint32_t rank = 0;
    const DnsService* previous = nullptr;
    for (const DnsService& service : service_.services()) {
      const bool next = previous != nullptr && previous->priority != service.priority;
      if (next && rank + 1 < DnsSrv::kMostPriorities) ++rank;
      previous = &service;
      addAddresses(service, rank, endpoints);
    }
    members_.publish(std::move(endpoints), failure);
  }

  void addAddresses(const DnsService& service, uint32_t rank,
                    std::vector<Endpoint>& endpoints) const {
    const auto watch = targets_.find(service.target);
    if (watch == targets_.end()) return;
    for (const network::Address& address : watch->second->addresses()) {
      Endpoint endpoint;
      endpoint.address = address.withPort(service.port);
      endpoint.id = endpoint.address.toString();
      endpoint.weight = std::max<uint32_t>(service.weight, 1);
      endpoint.priority = rank;
      endpoints.push_back(std::move(endpoint));
    }
  }

  const DnsCluster cluster_;
  DnsWatchContext context_;
  DnsMembers members_;
  DnsPatience patience_;
  std::map<std::string, std::unique_ptr<HostWatch>> targets_;
  ServiceWatch service_;
};

}  // namespace

std::unique_ptr<upstream::MembershipSource> DnsSrv::create(base::ServiceMap& services,
                                                           upstream::MembershipSink& sink) const {
  return std::make_unique<Source>(services, sink, cluster_, service_);
}

}  // namespace weir::extensions::clusters::dns_srv
