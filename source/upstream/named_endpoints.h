#pragma once

#include <cstddef>

#include "absl/container/flat_hash_map.h"

#include "source/base/intrusive_list.h"
#include "source/base/local_ref.h"
#include "source/network/address.h"

namespace weir::upstream {

class WorkerCluster;
class WorkerEndpoint;

// The endpoints of a cluster that an EndpointSource has named, by address; a bounded number.
// Worker-confined.
class NamedEndpoints {
 public:
  NamedEndpoints();
  ~NamedEndpoints();
  // The endpoint of that address, made when it is not there. Empty when there are `most` and all
  // have something in flight. To make room, those without connections go first, then those whose
  // connections are idle; of equals the one asked for least recently. No allocation for one that is
  // there.
  base::LocalRef<WorkerEndpoint> get(const network::Address& address, WorkerCluster& cluster,
                                     uint32_t most);
  size_t size() const { return endpoints_.size(); }
  // All go; those in use live on with what uses them.
  void clear();
  template <class F>
  void forEach(F&& visit) {
    for (const auto& [address, endpoint] : endpoints_) visit(*endpoint);
  }

 private:
  struct Hash {
    size_t operator()(const network::Address& address) const;
  };
  bool forgetOne(WorkerCluster& cluster);

  absl::flat_hash_map<network::Address, base::LocalRef<WorkerEndpoint>, Hash> endpoints_;
  base::IntrusiveList<WorkerEndpoint> used_;  // asked for last in front
};

}  // namespace weir::upstream
