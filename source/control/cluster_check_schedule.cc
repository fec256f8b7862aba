// The part of ClusterCheck that deals with time: when probes begin, and when they have taken too
// long.

#include <algorithm>
#include <utility>
#include <vector>

#include "source/control/cluster_check.h"

namespace weir::control {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kGrain{5};       // the timer comes no oftener
constexpr milliseconds kTurn{1};        // but for those who wait for the next turn
constexpr milliseconds kRoomAgain{10};  // when too many probes are under way
constexpr milliseconds kTrafficLook{1'000};
constexpr milliseconds kTrafficMemory{100};  // a look is good for so long
constexpr milliseconds kOnTime{100};         // a schedule that is no later than this stands

// To whole milliseconds, never too early.
milliseconds until(event::MonotonicTime then, event::MonotonicTime now) {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(then - now));
}

}  // namespace

void ClusterCheck::run() {
  catchUp();
  armed_due_ = Clock::max();
  last_run_ = dispatcher_.now();
  running_ = true;
  expire();
  if (traffic_.slow > 0) lookAtTraffic();
  startDue();
  running_ = false;
  arm();
}

// When the loop has stood still, everything is due at once: the schedule moves as a whole, so that
// it stays as spread out as it was. Not again within an interval: a loop that is always late must
// not put off everything for ever.
void ClusterCheck::catchUp() {
  if (armed_due_ == Clock::max()) return;
  const Clock now = dispatcher_.now();
  const Clock::duration late = now - armed_due_;
  if (late <= std::max<Clock::duration>(kOnTime, config_->times.interval / 10)) return;
  armed_due_ = now;  // the timer comes presently
  if (now - postponed_ < config_->times.interval) return;
  postponed_ = now;
  due_.postpone(late);
}

void ClusterCheck::arm() {
  if (running_) return;
  Clock next = Clock::max();
  if (!due_.empty()) {
    next = due_.front().due;
    if (room_ == ProbePace::Room::kFull) next = std::max(next, last_run_ + kRoomAgain);
  }
  if (CheckedEndpoint* const first = asking_.front()) {
    next = std::min(next, first->started_ + config_->times.timeout);
  }
  if (traffic_.slow > 0) next = std::min(next, traffic_.looked + kTrafficLook);
  if (next == Clock::max()) return;
  next = std::max(next, last_run_ + (room_ == ProbePace::Room::kNextTurn ? kTurn : kGrain));
  if (next >= armed_due_) return;
  const Clock now = dispatcher_.now();
  const milliseconds delay = until(next, now);
  timer_->start(delay);
  armed_due_ = now + delay;
}

void ClusterCheck::expire() {
  const Clock latest = dispatcher_.now() - config_->times.timeout;
  while (CheckedEndpoint* const endpoint = asking_.front()) {
    if (endpoint->started_ > latest) return;
    endpoint->probe_->cancel();
    finish(*endpoint, CheckResult::kTimeout, {});
  }
}

void ClusterCheck::startDue() {
  const Clock now = dispatcher_.now();
  room_ = ProbePace::Room::kYes;
  while (!due_.empty() && due_.front().due <= now) {
    room_ = pace_.room();
    if (room_ != ProbePace::Room::kYes) return;
    CheckedEndpoint& endpoint = due_.front();
    if (!rests(endpoint)) start(endpoint);
  }
}

void ClusterCheck::start(CheckedEndpoint& endpoint) {
  due_.remove(endpoint);
  if (std::exchange(endpoint.slow_, false)) --traffic_.slow;
  endpoint.troubled_ = endpoint.hastened_;
  endpoint.hastened_ = false;
  endpoint.again_ = false;
  endpoint.started_ = dispatcher_.now();
  endpoint.stood_still_ = pace_.stoodStill();
  endpoint.revision_ = sink_.nextRevision();
  if (endpoint.probe_ == nullptr) {
    endpoint.probe_ = checker_->createProbe(targetOf(endpoint), endpoint);
  }
  endpoint.phase_ = CheckedEndpoint::Phase::kQueued;
  endpoint.probe_->start();
  if (endpoint.probe_->begun()) beginAsking(endpoint);
}

void ClusterCheck::beginAsking(CheckedEndpoint& endpoint) {
  endpoint.started_ = dispatcher_.now();
  endpoint.stood_still_ = pace_.stoodStill();
  endpoint.phase_ = CheckedEndpoint::Phase::kAsking;
  asking_.pushBack(endpoint);
  pace_.begun();
  arm();
}

void ClusterCheck::stopAsking(CheckedEndpoint& endpoint) {
  if (endpoint.phase_ == CheckedEndpoint::Phase::kAsking) {
    endpoint.unlink();
    pace_.ended();
  }
  endpoint.phase_ = CheckedEndpoint::Phase::kResting;
}

// --- No traffic ---

// It is due, but may wait for longer as there is no traffic.
bool ClusterCheck::rests(CheckedEndpoint& endpoint) {
  if (!slowsDown() || endpoint.slow_ || endpoint.hastened_ || !endpoint.law_.settled())
    return false;
  lookAtTraffic();
  if (traffic_.last >= endpoint.started_) return false;
  const Clock due = endpoint.started_ + jitter(config_->times.no_traffic_interval);
  if (due <= dispatcher_.now()) return false;
  endpoint.slow_ = true;
  ++traffic_.slow;
  due_.put(endpoint, due);
  return true;
}

void ClusterCheck::lookAtTraffic() {
  const Clock now = dispatcher_.now();
  if (now - traffic_.looked < kTrafficMemory) return;
  traffic_.looked = now;
  const uint64_t total = stats_.value(traffic_.requests) + stats_.value(traffic_.connections);
  const bool some = std::exchange(traffic_.seen, total) != total ||
                    (traffic_.usage != nullptr && traffic_.usage->active().requests > 0);
  if (!some) return;
  traffic_.last = now;
  wakeSlow();
}

void ClusterCheck::wakeSlow() {
  if (traffic_.slow == 0) return;
  std::vector<CheckedEndpoint*> slow;
  due_.forEach([&](CheckedEndpoint& endpoint) {
    if (std::exchange(endpoint.slow_, false)) slow.push_back(&endpoint);
  });
  traffic_.slow = 0;
  for (CheckedEndpoint* const endpoint : slow) {
    const Clock soon = dispatcher_.now() + randomPart(config_->times.confirm_interval);
    due_.put(*endpoint, std::min(endpoint->due, soon));
  }
}

}  // namespace weir::control
