#include "source/router/hedging.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace weir::router {

using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

stats::Cell& counter(base::ServiceMap& services, std::string_view name, std::string_view help) {
  return services.get<stats::Block>().counter(services.get<stats::Store>().counter(name, help));
}

stats::Cell& refused(base::ServiceMap& services, std::string_view reason) {
  return services.get<stats::Block>().counter(services.get<stats::Store>().counter(
      "hedges_refused_total",
      "Second attempts beside a slow first one that were not made: over the route's budget, over "
      "the cluster's limits of retries, or no other endpoint.",
      {{"reason", std::string(reason)}}));
}

}  // namespace

HedgeCells::HedgeCells(base::ServiceMap& services)
    : started(counter(services, "hedges_total", "Second attempts beside a slow first one.")),
      won(counter(services, "hedges_won_total",
                  "Second attempts beside a slow first one whose answer the client got.")),
      refused_budget(refused(services, "budget")),
      refused_limits(refused(services, "limits")),
      refused_endpoint(refused(services, "endpoint")) {}

RouteHedging::RouteHedging(std::shared_ptr<const Resilience> policy, event::Dispatcher& dispatcher,
                           HedgeCells& cells)
    : policy_(std::move(policy)),
      dispatcher_(dispatcher),
      cells_(cells),
      timer_(dispatcher.createTimer([this] { onTimer(); })) {}

void RouteHedging::enter(HedgeWaiter& waiter) {
  tokens_ = std::min(tokens_ + policy().budget, kMostTokens);
  const microseconds wait = delay();
  if (wait.count() == 0) return;
  waiter.due_ = dispatcher_.now() + wait;
  waiting_.pushBack(waiter);
  arm();
}

// The timer runs as long as somebody waits; who leaves early does not stop it.
void RouteHedging::arm() {
  const HedgeWaiter* const first = waiting_.front();
  if (armed_ || first == nullptr) return;
  armed_ = true;
  const auto left = std::chrono::ceil<milliseconds>(first->due_ - dispatcher_.now());
  timer_->start(std::max(left, milliseconds(1)));
}

void RouteHedging::onTimer() {
  armed_ = false;
  const event::MonotonicTime now = dispatcher_.now();
  while (HedgeWaiter* const waiter = waiting_.front()) {
    if (waiter->due_ > now) break;
    waiting_.popFront();
    waiter->onHedgeDue();
  }
  arm();
}

void RouteHedging::measured(microseconds time) {
  times_.add(time, dispatcher_.now());
  ++stale_;
}

microseconds RouteHedging::delay() {
  const HedgePolicy& policy = this->policy();
  if (times_.samples() < policy.min_samples) return policy.initial_delay;
  if (stale_ >= kStale) {
    stale_ = 0;
    slow_ = times_.quantile(policy.quantile);
  }
  const microseconds least = std::max<microseconds>(slow_, policy.min_delay);
  return policy.max_delay.count() == 0 ? least : std::min<microseconds>(least, policy.max_delay);
}

bool RouteHedging::spend() {
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

RouteHedging* Hedging::find(const std::shared_ptr<const Resilience>& route,
                            event::Dispatcher& dispatcher) {
  const auto at = std::lower_bound(
      routes_.begin(), routes_.end(), route.get(),
      [](const auto& known, const Resilience* wanted) { return known->key().get() < wanted; });
  if (at != routes_.end() && (*at)->key() == route) return at->get();
  if (routes_.size() >= kMostRoutes) return nullptr;
  return routes_.insert(at, std::make_unique<RouteHedging>(route, dispatcher, cells_))->get();
}

}  // namespace weir::router
