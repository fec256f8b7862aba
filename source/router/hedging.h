#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "source/base/intrusive_list.h"
#include "source/base/service_map.h"
#include "source/event/dispatcher.h"
#include "source/router/answer_times.h"
#include "source/router/resilience.h"
#include "source/stats/stats.h"

namespace weir::router {

// Worker-confined.
struct HedgeCells {
  explicit HedgeCells(base::ServiceMap& services);
  stats::Cell& started;
  stats::Cell& won;
  stats::Cell& refused_budget;
  stats::Cell& refused_limits;
  stats::Cell& refused_endpoint;
};

// Who waits for the time of a second attempt. Worker-confined.
class HedgeWaiter : public base::ListNode<HedgeWaiter> {
 public:
  virtual void onHedgeDue() = 0;

 protected:
  ~HedgeWaiter() = default;

 private:
  friend class RouteHedging;
  event::MonotonicTime due_;
};

// The second attempts of one route on one worker: how long its answers take, how many there may
// be, and who waits to make one. Worker-confined.
class RouteHedging {
 public:
  RouteHedging(std::shared_ptr<const Resilience> policy, event::Dispatcher& dispatcher,
               HedgeCells& cells);

  const HedgePolicy& policy() const { return *policy_->hedge; }
  const std::shared_ptr<const Resilience>& key() const { return policy_; }
  HedgeCells& cells() { return cells_; }
  // A request has been sent. Adds to the budget; calls back after the delay, unless there is none
  // now. It may leave before by unlinking itself.
  void enter(HedgeWaiter& waiter);
  // Its answer has begun, or has not yet after so long.
  void measured(std::chrono::microseconds time);
  // From when on a request is slow; zero: not known yet.
  std::chrono::microseconds delay();
  // One second attempt, if the budget allows it.
  bool spend();
  void giveBack() { tokens_ += 1; }

 private:
  // Saved up at most; and how many measurements later the quantile is looked up again.
  static constexpr double kMostTokens = 10;
  static constexpr uint32_t kStale = 32;

  void arm();
  void onTimer();

  const std::shared_ptr<const Resilience> policy_;
  event::Dispatcher& dispatcher_;
  HedgeCells& cells_;
  AnswerTimes times_;
  double tokens_ = 0;
  std::chrono::microseconds slow_{0};  // as it was looked up last
  uint32_t stale_ = kStale;
  base::IntrusiveList<HedgeWaiter, HedgeWaiter> waiting_;  // in order, but for changes of the delay
  std::unique_ptr<event::Timer> timer_;
  bool armed_ = false;
};

// Of all routes on one worker. Worker-confined.
class Hedging {
 public:
  explicit Hedging(base::ServiceMap& services) : cells_(services) {}

  // What `route` has; null when there are too many, as when routes are made for each request.
  RouteHedging* find(const std::shared_ptr<const Resilience>& route, event::Dispatcher& dispatcher);

 private:
  static constexpr size_t kMostRoutes = 4096;

  HedgeCells cells_;
  std::vector<std::unique_ptr<RouteHedging>> routes_;  // by the address of the policy
};

}  // namespace weir::router
