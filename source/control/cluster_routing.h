#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/string_map.h"
#include "source/control/routing_state.h"
#include "source/stats/stats.h"
#include "source/upstream/cluster.h"
#include "source/upstream/discovery.h"

namespace weir::control {

// The routing state of one cluster. Main-thread only.
class ClusterRouting final : public upstream::MembershipSink, public ObservationSink {
 public:
  ClusterRouting(RoutingState& state, std::shared_ptr<const upstream::ClusterConfig> config);
  ~ClusterRouting();
  ClusterRouting(const ClusterRouting&) = delete;
  ClusterRouting& operator=(const ClusterRouting&) = delete;

  void follow(std::shared_ptr<const upstream::ClusterConfig> config);
  void onTrouble(std::string_view endpoint, upstream::Trouble trouble);
  std::vector<ObservedMember> observed() const;
  // Makes the host set anew when something has changed; whether there is another one now.
  bool refresh();
  const std::shared_ptr<const upstream::HostSet>& hosts() const { return hosts_; }

  void onMembers(std::vector<std::shared_ptr<const upstream::Endpoint>> members) override;
  void onReason(std::string_view reason) override;
  Taken observe(std::string_view endpoint, Observation observation) override;
  // See RoutingState::operate().
  Operated operate(std::string_view endpoint, upstream::OperatorState state,
                   std::optional<uint64_t> revision, std::string_view cause);
  // Whether what is published is what follows from the members; true while a change is not
  // published yet.
  bool asDefined() const;
  base::ServiceMap& services() override { return state_.services_; }
  HealthEvents& events() override { return state_.events_; }

 private:
  struct Member : ObservedMember {
    // Of what was taken last, by Observation::Source.
    std::array<uint64_t, 3> taken = {};
    // The operator has spoken: what the configuration says does not count.
    bool operated = false;
    event::MonotonicTime serving_since = {};
    event::MonotonicTime out_since = {};  // as HostSet::Host's
  };
  struct Metrics {
    stats::GaugeId members, healthy, eligible, panic;
    stats::CounterId changes;
  };

  void findMembers();
  void setMembers(std::vector<std::shared_ptr<const upstream::Endpoint>> members);
  Member joined(std::shared_ptr<const upstream::Endpoint> endpoint) const;
  void makeObservers();
  void tellObservers();
  // Works out Member::health anew; `why` is what has changed.
  void update(Member& member, const Observation& why);
  void followState(Member& member, upstream::OperatorState before);
  void setOut(Member& member) const;
  std::vector<upstream::HostSet::Host> currentHosts() const;
  void showMetrics();
  void setGauge(stats::GaugeId id, uint64_t value);

  RoutingState& state_;
  const Metrics metrics_;
  std::shared_ptr<const upstream::ClusterConfig> config_;
  std::vector<Member> members_;
  base::StringMap<uint32_t> index_;  // of members_, by id
  std::string_view reason_;          // empty: HostSet's own
  bool settled_ = false;             // there have been members
  bool dirty_ = false;
  bool checks_health_ = false;  // an observer does
  std::vector<std::unique_ptr<HealthObserver>> observers_;
  bool watches_outliers_ = false;  // one of them does
  std::shared_ptr<const upstream::HostSet> hosts_;
  // What `source_` was made by, with its identity; outlives it.
  std::shared_ptr<const upstream::MembershipSourceFactory> source_factory_;
  std::unique_ptr<upstream::MembershipSource> source_;
};

}  // namespace weir::control
