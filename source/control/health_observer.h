#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "source/base/service_map.h"
#include "source/upstream/cluster.h"
#include "source/upstream/endpoint.h"
#include "source/upstream/trouble.h"

namespace weir::control {

class HealthEvents;

// What somebody has to say of an endpoint. Value.
struct Observation {
  enum class Source : uint8_t {
    kCheck,    // kUnknown, kHealthy, kDegraded or kUnhealthy
    kOutlier,  // kHealthy, or kUnhealthy: ejected
    kOperator  // kHealthy: as its health allows; kDraining, kDisabled
  };
  Source source = Source::kCheck;
  upstream::Health health = upstream::Health::kHealthy;
  // Of this source and endpoint, as long as that is a member; above 0. What is not newer than what
  // was taken before is dropped.
  uint64_t revision = 0;
  std::string cause = {};     // for people: "connect: Connection refused"
  std::string observer = {};  // who: "check http", "outlier", "operator"
};

// What became of an observation.
enum class Taken : uint8_t {
  kTaken,
  kStale,   // there was one of that or a later revision
  kUnknown  // there is no such cluster or endpoint (any more)
};

// One endpoint of the cluster, as it is now. Value.
struct ObservedMember {
  std::shared_ptr<const upstream::Endpoint> endpoint;
  upstream::Health health = upstream::Health::kHealthy;   // all in all
  upstream::Health checked = upstream::Health::kHealthy;  // as checks say
  bool ejected = false;
  upstream::OperatorState state = upstream::OperatorState::kEnabled;
  // Of the endpoint's state: grows with each change of `health` or `state`; at least 1.
  uint64_t revision = 1;
};

// Where observers say what they have seen. Main-thread only.
class ObservationSink {
 public:
  // May call HealthObserver::onHealth() and onChecked() of all observers, the caller too, from
  // inside.
  virtual Taken observe(std::string_view endpoint, Observation observation) = 0;
  // Of the main thread, as for config::MainPart::start(), with network::IoContext.
  virtual base::ServiceMap& services() = 0;
  virtual HealthEvents& events() = 0;

 protected:
  ~ObservationSink() = default;
};

// Watches the members of one cluster, and may have a say in which of them are fit. Made, told and
// destroyed by ClusterRouting. Main-thread only.
class HealthObserver {
 public:
  virtual ~HealthObserver() = default;
  // First of all, and whenever members or the configuration may have changed. An endpoint that goes
  // on has the same id and address (if it is logical, the same id). `members` is for the call only.
  virtual void follow(const std::shared_ptr<const upstream::ClusterConfig>& config,
                      std::span<const ObservedMember> members) = 0;
  // An endpoint's health or operator's state has changed.
  virtual void onHealth(const ObservedMember& /*member*/, upstream::Health /*before*/) {}
  // What checks say of it has changed, whatever else is known of it.
  virtual void onChecked(const ObservedMember& /*member*/, upstream::Health /*before*/) {}
  // Real traffic has met it. The endpoint may have left meanwhile.
  virtual void onTrouble(std::string_view /*endpoint*/, upstream::Trouble /*trouble*/) {}
};

}  // namespace weir::control
