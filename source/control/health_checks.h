#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/string_map.h"
#include "source/control/cluster_check.h"
#include "source/control/health_observer.h"

namespace weir::control {

// The active checks of one cluster (docs/health.md): an endpoint is as well as the worst of them
// says. Disabled endpoints are not checked, draining ones are. Main-thread only.
class HealthChecks final : public HealthObserver, private CheckSink {
 public:
  // `sink` outlives it.
  explicit HealthChecks(ObservationSink& sink) : sink_(sink) {}
  ~HealthChecks() override;
  HealthChecks(const HealthChecks&) = delete;
  HealthChecks& operator=(const HealthChecks&) = delete;

  void follow(const std::shared_ptr<const upstream::ClusterConfig>& config,
              std::span<const ObservedMember> members) override;
  void onHealth(const ObservedMember& member, upstream::Health before) override;
  void onTrouble(std::string_view endpoint, upstream::Trouble trouble) override;

 private:
  struct Member {
    std::shared_ptr<const upstream::Endpoint> endpoint;
    upstream::Health told = upstream::Health::kUnknown;    // to the sink, or by it at first
    uint64_t revision = 0;                                 // of that
    uint64_t seen = 0;                                     // in which follow()
    std::vector<std::unique_ptr<CheckedEndpoint>> checks;  // as checks_; none: disabled
  };
  using Checks = std::vector<std::unique_ptr<ClusterCheck>>;

  uint64_t nextRevision() override { return ++revision_; }
  void onVerdict(const ClusterCheck& check, const CheckedEndpoint& endpoint,
                 std::string cause) override;
  void followChecks(const upstream::ClusterConfig& config);
  void followMember(const ObservedMember& now);
  void setChecked(Member& member, bool checked);
  void tell(Member& member, uint64_t revision, std::string cause, std::string observer);
  void settle();
  static upstream::Health combined(const Member& member);

  ObservationSink& sink_;
  std::shared_ptr<const upstream::ClusterConfig> config_;
  uint64_t revision_ = 0;
  uint64_t follows_ = 0;
  Checks checks_;
  base::StringMap<std::unique_ptr<Member>> members_;  // by id; destroyed before the checks
};

}  // namespace weir::control
