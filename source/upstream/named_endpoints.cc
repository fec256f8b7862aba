#include "source/upstream/named_endpoints.h"

#include <netinet/in.h>

#include <memory>
#include <string_view>
#include <utility>

#include "absl/hash/hash.h"

#include "source/upstream/cluster.h"

namespace weir::upstream {
namespace {

// Keeps an endpoint that goes, and the cluster behind it, until no frame of theirs is on the stack.
struct Forgotten final : event::DeferredDeletable {
  base::LocalRef<WorkerCluster> cluster;  // destroyed last
  base::LocalRef<WorkerEndpoint> endpoint;
};

}  // namespace

NamedEndpoints::NamedEndpoints() = default;
NamedEndpoints::~NamedEndpoints() = default;

// Seeded anew in each process: clients name the addresses.
size_t NamedEndpoints::Hash::operator()(const network::Address& address) const {
  char ip[INET6_ADDRSTRLEN];
  const size_t size = address.formatIp(ip);
  return absl::HashOf(absl::string_view(ip, size), address.port());
}

base::LocalRef<WorkerEndpoint> NamedEndpoints::get(const network::Address& address,
                                                   WorkerCluster& cluster, uint32_t most) {
  const auto found = endpoints_.find(address);
  if (found != endpoints_.end()) {
    used_.pushFront(*found->second);
    return found->second;
  }
  while (endpoints_.size() >= most) {
    if (!forgetOne(cluster)) return {};
  }
  auto endpoint = std::make_shared<Endpoint>();
  endpoint->id = address.toString();
  endpoint->address = address;
  // Such endpoints have no limit of their own, and clients choose how many there are: nobody asks
  // for what all workers do to one.
  auto made = base::makeLocal<WorkerEndpoint>(cluster, std::move(endpoint),
                                              std::make_shared<EndpointUsage>());
  endpoints_.emplace(address, made);
  used_.pushFront(*made);
  return made;
}

bool NamedEndpoints::forgetOne(WorkerCluster& cluster) {
  WorkerEndpoint* goes = nullptr;
  for (WorkerEndpoint* next = used_.back(); next != nullptr; next = used_.previous(*next)) {
    if (next->in_flight > 0) continue;
    const bool unused = next->openConnections() == 0;
    if (unused || goes == nullptr) goes = next;
    if (unused) break;
  }
  if (goes == nullptr) return false;
  goes->unlink();
  goes->remove();
  const auto found = endpoints_.find(goes->address());
  auto forgotten = std::make_unique<Forgotten>();
  forgotten->cluster = base::LocalRef<WorkerCluster>(&cluster);
  forgotten->endpoint = std::move(found->second);
  endpoints_.erase(found);
  cluster.io().dispatcher().deferDelete(std::move(forgotten));
  return true;
}

void NamedEndpoints::clear() {
  used_.clear();
  for (const auto& [address, endpoint] : std::exchange(endpoints_, {})) endpoint->remove();
}

}  // namespace weir::upstream
