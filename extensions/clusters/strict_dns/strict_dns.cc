#include "extensions/clusters/strict_dns/strict_dns.h"

#include <algorithm>
#include <utility>

#include "extensions/clusters/common/dns_members.h"
#include "extensions/clusters/common/dns_watch.h"
#include "source/base/concat.h"

namespace weir::extensions::clusters::strict_dns {
namespace {

using network::DnsFailure;
using upstream::Endpoint;
using upstream::EndpointEntry;

// Main-thread only.
class Source final : public upstream::MembershipSource {
 public:
  Source(base::ServiceMap& services, upstream::MembershipSink& sink, DnsCluster cluster,
         std::vector<EndpointEntry> entries)
      : cluster_(std::move(cluster)),
        entries_(std::move(entries)),
        context_(services, cluster_),
        members_(context_, sink),
        patience_(context_.dispatcher(), [this] { publish(); }) {
    watches_.resize(entries_.size());
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].host.empty()) continue;
      watches_[i] = std::make_unique<HostWatch>(context_, entries_[i].host, [this] { publish(); });
    }
    publish();
  }

 private:
  void publish() {
    const bool waits = std::any_of(watches_.begin(), watches_.end(), [](const auto& watch) {
      return watch != nullptr && !watch->outcome();
    });
    if (waits && !patience_.over()) return;
    std::vector<Endpoint> endpoints;
    DnsFailure failure = DnsFailure::kNone;
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (watches_[i] == nullptr) {
        endpoints.push_back(entries_[i].endpoint);
        continue;
      }
      addAddresses(entries_[i], *watches_[i], endpoints);
      const DnsFailure outcome = watches_[i]->outcome().value_or(DnsFailure::kNone);
      if (outcome != DnsFailure::kNone) failure = outcome;
    }
    members_.publish(std::move(endpoints), failure);
  }

  static void addAddresses(const EndpointEntry& entry, const HostWatch& watch,
                           std::vector<Endpoint>& endpoints) {
    const bool named = entry.endpoint.id != base::concat(entry.host, ":", entry.port);
    for (const network::Address& address : watch.addresses()) {
      Endpoint endpoint = entry.endpoint;
      endpoint.address = address.withPort(entry.port);
      endpoint.id = endpoint.address.toString();
      if (named) endpoint.id = base::concat(entry.endpoint.id, "/", endpoint.id);
      endpoints.push_back(std::move(endpoint));
    }
  }

  const DnsCluster cluster_;
  const std::vector<EndpointEntry> entries_;
  DnsWatchContext context_;
  DnsMembers members_;
  DnsPatience patience_;
  std::vector<std::unique_ptr<HostWatch>> watches_;  // as entries_; null: has an address
};

}  // namespace

std::unique_ptr<upstream::MembershipSource> StrictDns::create(
    base::ServiceMap& services, upstream::MembershipSink& sink) const {
  return std::make_unique<Source>(services, sink, cluster_, entries_);
}

}  // namespace weir::extensions::clusters::strict_dns
