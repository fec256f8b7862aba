#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/event/dispatcher.h"
#include "source/network/address.h"

namespace weir::upstream {

// What the operator wants of an endpoint.
enum class OperatorState : uint8_t { kEnabled, kDraining, kDisabled };

// One endpoint as membership knows it. Immutable; shared by snapshots and workers.
struct Endpoint {
  std::string id = {};  // unique in the cluster; the address by default
  network::Address address = {};
  // Other ways to the same endpoint, in order of preference: tried as well when `address` does not
  // answer soon (RFC 8305).
  std::vector<network::Address> more_addresses = {};
  // It stays the same endpoint when its address changes: connections stay, new ones go to the new
  // address.
  bool logical = false;
  uint32_t weight = 1;        // 1 … 65535
  uint32_t priority = 0;      // 0 is the highest
  std::string locality = {};  // free text: region/zone
  std::map<std::string, std::string> metadata = {};
  uint32_t max_connections = 0;  // over all workers; 0: no limit of its own
  uint32_t max_requests = 0;     // in progress, over all workers; 0: no limit of its own
  OperatorState state = OperatorState::kEnabled;  // unless the operator has said otherwise since

  bool operator==(const Endpoint&) const = default;
};

enum class Health : uint8_t { kUnknown, kHealthy, kDegraded, kUnhealthy, kDraining, kDisabled };

// What an algorithm has computed for a group or a host set off the workers: a ring, a table.
// Immutable.
class BalancerTable {
 public:
  virtual ~BalancerTable() = default;
};

class HostsByUid;

// Endpoints among which one instance of an algorithm balances. Immutable, part of a HostSet.
struct HostGroup {
  // The same in two host sets when it means the same (priority, locality, degraded), so that a
  // worker's state goes on.
  uint64_t key = 0;
  uint32_t share = 0;           // of HostSet::kWhole
  std::vector<uint32_t> hosts;  // indices into HostSet::hosts, ascending; at least one
  bool panic = false;           // so few are healthy that health is not looked at
  std::shared_ptr<const BalancerTable> table = {};  // what the algorithm has prepared
};

// The endpoints of a cluster and which of them may be picked, as one state. Immutable, versioned:
// the product of eligible(membership, health, policy).
struct HostSet {
  static constexpr uint32_t kWhole = 1 << 20;
  static constexpr uint32_t kNoGroup = ~uint32_t{0};

  uint64_t version = 0;
  struct Host {
    std::shared_ptr<const Endpoint> endpoint;
    Health health = Health::kHealthy;
    // Slow start: when it joined or recovered; zero: it serves since ever.
    event::MonotonicTime serving_since = {};
    // Of id and address, of a logical endpoint its id alone: the same in all host sets of a
    // cluster, in every process, and different from all others in one; never 0. Set by eligible().
    uint64_t uid = 0;
    // When it became unhealthy, draining or disabled; zero: it is not, or was from the beginning.
    event::MonotonicTime out_since = {};
  };
  std::vector<Host> hosts;
  std::vector<uint32_t> eligible;  // indices into hosts, ascending: those in a group
  std::vector<HostGroup> groups;   // their shares sum up to kWhole; none when nothing is eligible
  std::vector<uint32_t> group_of;  // by host; kNoGroup: not eligible
  std::shared_ptr<const BalancerTable> table;  // what the balancer has prepared
  std::shared_ptr<const HostsByUid> sticky;    // set where the cluster has stickiness
  // Why there is nothing to pick, when there is not; static text.
  std::string_view none_reason = "no_eligible_endpoint";
};

}  // namespace weir::upstream
