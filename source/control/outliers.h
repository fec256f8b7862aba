#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "source/control/ejections.h"
#include "source/control/health_events.h"
#include "source/control/health_observer.h"
#include "source/control/outlier_statistics.h"
#include "source/event/dispatcher.h"
#include "source/stats/stats.h"
#include "source/upstream/endpoint_usage.h"

namespace weir::control {

// Takes endpoints out of one cluster for a while when its traffic shows them to be worse than they
// may be (ClusterConfig::outliers; rests without): at once for failures in a row, of which workers
// tell, and once in an interval for rates and latencies. Main-thread only.
class OutlierDetector final : public HealthObserver {
 public:
  // `sink` outlives it.
  OutlierDetector(ObservationSink& sink, std::string_view cluster);
  ~OutlierDetector() override;
  OutlierDetector(const OutlierDetector&) = delete;
  OutlierDetector& operator=(const OutlierDetector&) = delete;

  void follow(const std::shared_ptr<const upstream::ClusterConfig>& config,
              std::span<const ObservedMember> members) override;
  void onHealth(const ObservedMember& member, upstream::Health before) override;
  // What was down for the checks and is up again has a new life: it need not stay out.
  void onChecked(const ObservedMember& member, upstream::Health before) override;
  void onTrouble(std::string_view endpoint, upstream::Trouble trouble) override;

 private:
  struct Watched {
    ObservedMember member;
    // Held as long as it is watched, so that its totals only grow; null: it has had no traffic.
    std::shared_ptr<upstream::EndpointUsage> usage = {};
    OutlierSample before = {};  // totals at the beginning of the interval
    Ejections ejections = {};
  };
  struct Metrics {
    std::array<stats::CounterId, kEjectionReasons> ejections;
    stats::CounterId not_allowed;
    stats::GaugeId ejected;
  };
  // Failures in a row that have been reached.
  struct Run {
    EjectionReason reason;
    uint32_t threshold;  // 0: none any more
  };

  void end();
  Watched watch(const ObservedMember& member) const;
  Watched* find(std::string_view endpoint);
  void findUsage(Watched& watched) const;
  OutlierSample totals(Watched& watched) const;
  Run runOf(upstream::Trouble trouble) const;
  void onInterval();
  void onReturnTimer();
  void eject(Watched& watched, EjectionReason reason, const std::string& cause);
  void takeBack(Watched& watched, const std::string& cause);
  // What was until now does not count any more.
  void begin(Watched& watched) const;
  bool tell(Watched& watched, upstream::Health health, HealthEvent::Kind kind,
            const std::string& cause);
  void setOut(size_t out);
  void armReturn(event::MonotonicTime until);

  ObservationSink& sink_;
  event::Dispatcher& dispatcher_;
  stats::Store& stats_;
  const Metrics metrics_;
  std::shared_ptr<const upstream::ClusterConfig> config_;  // null: it rests
  std::map<std::string, Watched, std::less<>> watched_;    // by the endpoint's id
  size_t out_ = 0;                                         // of them
  uint64_t revision_ = 0;                                  // of the last observation
  std::unique_ptr<event::Timer> interval_;
  std::unique_ptr<event::Timer> return_;
  event::MonotonicTime return_due_ = {};  // while `return_` runs
};

}  // namespace weir::control
