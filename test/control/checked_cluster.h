#pragma once

#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/control/health_checks.h"
#include "source/upstream/cluster.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/fakes/fake_health_checker.h"

namespace weir::control {

// One cluster whose endpoints are checked in simulated time: HealthChecks, fake endpoints, and
// somebody who takes the observations as ClusterRouting does. Main-thread only.
class CheckedCluster : private ObservationSink {
 public:
  using Health = upstream::Health;
  using Manner = upstream::FakeEndpoints::Manner;
  struct Change {
    std::string endpoint;
    Health health;
    int64_t at_ms;  // after the last mark()
    std::string cause;
    std::string observer;
  };

  CheckedCluster() : endpoints(dispatcher) {
    services_.put<event::Dispatcher>(dispatcher);
    services_.put(stats);
    checks_ = std::make_unique<HealthChecks>(static_cast<ObservationSink&>(*this));
    check().name = "fake";
    mark();
  }
  ~CheckedCluster() { checks_.reset(); }

  // What the next apply() configures; the first check, and others.
  upstream::HealthCheckConfig& check(size_t index = 0) {
    if (config_checks_.size() <= index) {
      config_checks_.resize(index + 1);
      config_checks_[index].name = "check" + std::to_string(index);
      config_checks_[index].identity = config_checks_[index].name;
    }
    return config_checks_[index];
  }
  void dropCheck(size_t index) {
    config_checks_.erase(config_checks_.begin() + static_cast<ptrdiff_t>(index));
  }
  // Joins, or changes, at the next apply().
  void put(upstream::Endpoint endpoint) {
    auto shared = std::make_shared<const upstream::Endpoint>(std::move(endpoint));
    ObservedMember& member = members[shared->id];
    const bool same =
        member.endpoint != nullptr && ((member.endpoint->logical && shared->logical) ||
                                       member.endpoint->address == shared->address);
    if (!same) {
      member = {};
      member.checked = Health::kUnknown;
      taken_.erase(shared->id);
    }
    member.endpoint = std::move(shared);
  }
  void put(const std::string& id, const std::string& address = "127.0.0.1:80") {
    put({.id = id, .address = *network::Address::parse(address)});
  }
  void putMany(int count) {
    for (int i = 0; i < count; ++i) {
      put("e" + std::to_string(i),
          "10.0." + std::to_string(i / 250) + "." + std::to_string(1 + i % 250) + ":80");
    }
  }
  void drop(const std::string& id) {
    members.erase(id);
    taken_.erase(id);
  }
  // Tells the checks of members and, unless only those have changed, of a configuration.
  void apply(bool members_only = false) {
    if (!members_only || config_ == nullptr) {
      auto config = std::make_shared<upstream::ClusterConfig>();
      config->name = "c";
      config->usage = usage;
      config->stats = upstream::ClusterStats::create(stats, "c");
      for (const upstream::HealthCheckConfig& one : config_checks_) {
        auto made = std::make_shared<upstream::HealthCheckConfig>(one);
        made->factory = std::make_shared<upstream::FakeCheckerFactory>(endpoints);
        config->health_checks.push_back(std::move(made));
      }
      config_ = std::move(config);
    }
    std::vector<ObservedMember> list;
    for (const auto& [id, member] : members) list.push_back(member);
    checks_->follow(config_, list);
  }
  void operate(const std::string& id, upstream::OperatorState state) {
    members[id].state = state;
    checks_->onHealth(members[id], Health::kHealthy);
  }
  void trouble(const std::string& id,
               upstream::Trouble trouble = upstream::Trouble::kConnectFailure) {
    dispatcher.post([this, id, trouble] { checks_->onTrouble(id, trouble); });
    dispatcher.runUntilIdle();
  }
  // A request was sent to an endpoint.
  void traffic() { stats.block(1).counter(config_->stats.requests).add(); }

  void advance(int64_t ms) { dispatcher.advance(std::chrono::milliseconds(ms)); }
  // Until `id` is that; in steps of 10 ms. Milliseconds it took, -1: did not come.
  int64_t advanceUntil(const std::string& id, Health health, int64_t most_ms = 60'000) {
    const event::MonotonicTime from = dispatcher.now();
    for (int64_t ms = 0; members[id].checked != health; ms += 10) {
      if (ms > most_ms) return -1;
      advance(10);
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(dispatcher.now() - from).count();
  }
  Health health(const std::string& id) { return members[id].checked; }
  // Time, changes and probes count from here.
  void mark() {
    since_ = dispatcher.now();
    changes.clear();
    endpoints.asked.clear();
  }
  std::vector<int64_t> probes(const std::string& id) const { return endpoints.times(id, since_); }
  int64_t results(const std::string& result, const std::string& check = "fake") const {
    return stats.valueOf("cluster_health_checks_total",
                         {{"cluster", "c"}, {"check", check}, {"result", result}});
  }

  event::FakeDispatcher dispatcher;
  stats::Store stats;
  upstream::FakeEndpoints endpoints;
  std::shared_ptr<upstream::ClusterUsage> usage = std::make_shared<upstream::ClusterUsage>();
  std::map<std::string, ObservedMember> members;
  std::vector<Change> changes;
  int stale = 0;  // observations that would have been dropped

 private:
  Taken observe(std::string_view endpoint, Observation observation) override {
    const auto found = members.find(std::string(endpoint));
    if (found == members.end()) return Taken::kUnknown;
    uint64_t& taken = taken_[found->first];
    if (observation.source != Observation::Source::kCheck || observation.revision <= taken) {
      ++stale;
      return Taken::kStale;
    }
    taken = observation.revision;
    const Health before = std::exchange(found->second.checked, observation.health);
    changes.push_back(
        {found->first, observation.health,
         std::chrono::duration_cast<std::chrono::milliseconds>(dispatcher.now() - since_).count(),
         observation.cause, observation.observer});
    if (before != observation.health) checks_->onHealth(found->second, before);
    return Taken::kTaken;
  }
  base::ServiceMap& services() override { return services_; }
  HealthEvents& events() override { std::abort(); }  // checks have none of their own

  base::ServiceMap services_;
  event::MonotonicTime since_ = {};
  std::vector<upstream::HealthCheckConfig> config_checks_;
  std::map<std::string, uint64_t> taken_;
  std::shared_ptr<const upstream::ClusterConfig> config_;
  std::unique_ptr<HealthChecks> checks_;
};

}  // namespace weir::control
