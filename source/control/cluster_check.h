#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/intrusive_list.h"
#include "source/base/service_map.h"
#include "source/control/check_law.h"
#include "source/control/due_heap.h"
#include "source/control/probe_pace.h"
#include "source/event/dispatcher.h"
#include "source/stats/stats.h"
#include "source/upstream/cluster.h"
#include "source/upstream/health_checker.h"
#include "source/upstream/health_policy.h"

namespace weir::control {

class CheckedEndpoint;
class ClusterCheck;

// Whoever wants to know what checks have found. Main-thread only.
class CheckSink {
 public:
  // For a probe that begins: 1, 2, … over all checks of the cluster.
  virtual uint64_t nextRevision() = 0;
  // CheckedEndpoint::health() is another one. `cause` is for people, in one line. Must not destroy
  // the check; may destroy the endpoint.
  virtual void onVerdict(const ClusterCheck& check, const CheckedEndpoint& endpoint,
                         std::string cause) = 0;

 protected:
  ~CheckSink() = default;
};

// One endpoint as one check knows it; about 150 bytes, and its probe's. Destroyed before the check;
// that gives up its probe. Main-thread only.
class CheckedEndpoint final : public DueNode,
                              public base::ListNode<>,
                              private upstream::ProbeListener {
 public:
  ~CheckedEndpoint();
  const upstream::Endpoint& endpoint() const { return *endpoint_; }
  upstream::Health health() const { return law_.health(); }
  const CheckLaw& law() const { return law_; }
  // Of the probe that began last.
  uint64_t revision() const { return revision_; }

 private:
  friend class ClusterCheck;
  enum class Phase : uint8_t {
    kResting,  // in ClusterCheck::due_
    kQueued,   // its probe waits for its turn
    kAsking    // in ClusterCheck::asking_
  };
  CheckedEndpoint(ClusterCheck& check, std::shared_ptr<const upstream::Endpoint> endpoint,
                  upstream::Health health)
      : check_(check), endpoint_(std::move(endpoint)), law_(health) {}
  void onProbeDone(const upstream::ProbeResult& result) override;
  void onProbeBegun() override;

  ClusterCheck& check_;
  std::shared_ptr<const upstream::Endpoint> endpoint_;
  std::unique_ptr<upstream::HealthProbe> probe_;  // null until it is first asked
  event::MonotonicTime started_ = {};             // the last probe
  event::MonotonicTime recovered_ = {};           // it was unhealthy before
  uint64_t revision_ = 0;
  std::chrono::milliseconds stood_still_{0};  // ProbePace's, when the probe began
  CheckLaw law_;
  Phase phase_ = Phase::kResting;
  bool again_ = false;      // traffic has met trouble while it was being asked
  bool hastened_ = false;   // the next probe comes early because of trouble
  bool troubled_ = false;   // so did the last one
  bool slow_ = false;       // waits for longer since there is no traffic
  bool scattered_ = false;  // its next probe may come at any time within the interval
};

// One check of one cluster: probes its endpoints when it is time to, and says what the law makes of
// the results. One timer for all of them. Main-thread only.
class ClusterCheck {
 public:
  using Config = std::shared_ptr<const upstream::HealthCheckConfig>;

  // Trouble in traffic brings the next probe forward to so long after the beginning of the last; or
  // so long, when that had come because of trouble and has found none.
  static constexpr std::chrono::milliseconds kSoonest{100};
  static constexpr std::chrono::milliseconds kSoonAgain{500};
  // So many new endpoints are probed at once, more a millisecond apart or over the interval.
  static constexpr size_t kAtOnce = 32;

  // `sink` outlives it.
  ClusterCheck(base::ServiceMap& services, CheckSink& sink, const upstream::ClusterConfig& cluster,
               Config config);
  ~ClusterCheck();
  ClusterCheck(const ClusterCheck&) = delete;
  ClusterCheck& operator=(const ClusterCheck&) = delete;

  // A configuration with the same identity. What is known of endpoints stays, and when they are
  // due; follow() is to be called for each of them as well.
  void follow(const upstream::ClusterConfig& cluster, Config config);
  // The probe of `endpoint` is made anew; at another address it is asked soon.
  void follow(CheckedEndpoint& endpoint, std::shared_ptr<const upstream::Endpoint> now);
  // `health`: what it is taken for until the first result.
  std::unique_ptr<CheckedEndpoint> add(std::shared_ptr<const upstream::Endpoint> endpoint,
                                       upstream::Health health);
  // Those that add() and follow() have brought are asked from now on. After the last of them.
  void settle();
  // Traffic could not connect to it.
  void onTrouble(CheckedEndpoint& endpoint);

  const upstream::HealthCheckConfig& config() const { return *config_; }

 private:
  friend class CheckedEndpoint;
  using Clock = event::MonotonicTime;

  void run();
  void arm();
  void catchUp();
  void expire();
  void startDue();
  void start(CheckedEndpoint& endpoint);
  void beginAsking(CheckedEndpoint& endpoint);
  void finish(CheckedEndpoint& endpoint, CheckResult result, std::string_view reason);
  void stopAsking(CheckedEndpoint& endpoint);
  void forget(CheckedEndpoint& endpoint);
  Clock soonest(const CheckedEndpoint& endpoint) const;
  bool rests(CheckedEndpoint& endpoint);
  void wakeSlow();
  void plan(CheckedEndpoint& endpoint, CheckResult result);
  void countFlap(CheckedEndpoint& endpoint, upstream::Health before);
  std::string causeOf(CheckResult result, std::string_view reason, uint32_t run) const;
  upstream::ProbeTarget targetOf(const CheckedEndpoint& endpoint) const;
  void adopt(const upstream::ClusterConfig& cluster, Config config);
  bool slowsDown() const { return config_->times.no_traffic_interval > config_->times.interval; }
  void lookAtTraffic();
  std::chrono::milliseconds jitter(std::chrono::milliseconds pause);
  std::chrono::milliseconds randomPart(std::chrono::milliseconds of);

  base::ServiceMap& services_;
  event::Dispatcher& dispatcher_;
  stats::Store& stats_;
  ProbePace& pace_;
  CheckSink& sink_;
  Config config_;
  std::unique_ptr<upstream::HealthChecker> checker_;
  std::unique_ptr<upstream::HealthChecker> old_checker_;  // as long as it has probes: to settle()
  DueHeap<CheckedEndpoint> due_;
  base::IntrusiveList<CheckedEndpoint> asking_;  // by the beginning of their probes
  std::vector<CheckedEndpoint*> fresh_;          // until settle()
  std::unique_ptr<event::Timer> timer_;
  Clock armed_due_ = Clock::max();  // when the timer is due
  Clock last_run_ = {};
  Clock postponed_ = {};                          // when the schedule was moved
  ProbePace::Room room_ = ProbePace::Room::kYes;  // as found by the last run()
  bool running_ = false;                          // inside run()
  struct Traffic {
    std::shared_ptr<upstream::ClusterUsage> usage;
    stats::CounterId requests, connections;
    uint64_t seen = 0;
    Clock looked = {};
    Clock last = {};    // when there was some
    uint32_t slow = 0;  // endpoints that wait for some
  } traffic_;
  stats::Cell* results_[kCheckResults] = {};
  stats::Cell* flaps_ = nullptr;
};

}  // namespace weir::control
