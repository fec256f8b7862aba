#include "source/upstream/wait_queue.h"

#include <algorithm>
#include <utility>

#include "source/upstream/cluster.h"

namespace weir::upstream {

WaitQueue::WaitQueue(WorkerCluster& cluster)
    : cluster_(cluster),
      tick_(cluster.io().dispatcher().wheel(), event::wheelCallback<&WaitQueue::onTick>, this) {}

// Who waits keeps the cluster.
WaitQueue::~WaitQueue() = default;

// --- Coming and going ---

bool WaitQueue::mustWaitBehind(uint8_t priority) const {
  switch (cluster_.config().queue_order) {
    case QueueOrder::kFifo:
      return true;
    case QueueOrder::kLifo:
      return false;
    case QueueOrder::kPriority:
      return waiting_.front()->priority_ >= priority;
  }
  return true;
}

bool WaitQueue::goesBefore(const Waiter& a, const Waiter& b) const {
  switch (cluster_.config().queue_order) {
    case QueueOrder::kFifo:
      return a.number_ < b.number_;
    case QueueOrder::kLifo:
      return a.number_ > b.number_;
    case QueueOrder::kPriority:
      return a.priority_ != b.priority_ ? a.priority_ > b.priority_ : a.number_ < b.number_;
  }
  return false;
}

bool WaitQueue::enter(Waiter& waiter, uint8_t priority, bool again) {
  const ClusterConfig& config = cluster_.config();
  const event::MonotonicTime now = cluster_.io().dispatcher().now();
  if (!again) {
    waiter.number_ = ++came_;
    waiter.priority_ = priority;
    waiter.since_ = now;
    waiter.give_up_at_ = now + config.queue_timeout;
    waiter.asked_ = false;
  }
  if (!ClusterUsage::tryAdd(config.usage->pending, config.max_pending_requests) &&
      !makePlaceFor(waiter)) {
    countRefused(kOverflow);
    return false;
  }
  if (empty()) {
    config.usage->startWaiting(cluster_.member());
    last_tick_ = now;
    first_end_ = waiter.give_up_at_;
    tick_.arm(kTick);
    cluster_.makeRoom();
  }
  first_end_ = std::min(first_end_, waiter.give_up_at_);
  insert(waiter);
  ++size_;
  if (!waiter.asked_) ++unasked_;
  cluster_.cells().pending_requests->add();
  // Its chance comes, behind those before it; unless other workers wait as well, whose turn it is.
  if (!waiter.asked_ && !cluster_.othersWait()) roomMade();
  return true;
}

// At the end of the list or at its beginning, as a rule.
void WaitQueue::insert(Waiter& waiter) {
  if (!empty() && goesBefore(waiter, *waiting_.front())) return waiting_.pushFront(waiter);
  base::IntrusiveList<Waiter, Waiter> behind;
  while (!waiting_.empty() && goesBefore(waiter, *waiting_.back())) {
    behind.pushFront(*waiting_.back());
  }
  waiting_.pushBack(waiter);
  waiting_.spliceBack(behind);
}

bool WaitQueue::makePlaceFor(const Waiter& waiter) {
  Waiter* const last = waiting_.back();
  const bool first_come = cluster_.config().queue_order == QueueOrder::kFifo;
  if (first_come || last == nullptr || !goesBefore(waiter, *last)) return false;
  // Its place in ClusterUsage::pending goes over to the newcomer.
  ClusterUsage::Count& pending = cluster_.config().usage->pending;
  pending.fetch_add(1, std::memory_order_relaxed);
  remove(*last);
  countRefused(kDisplaced);
  last->onWaitFailed(kDisplaced);
  return true;
}

void WaitQueue::leave(Waiter& waiter) {
  if (!waiter.linked()) return;
  const auto waited = cluster_.io().dispatcher().now() - waiter.since_;
  cluster_.cells().queue_wait_us->record(
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(waited).count()));
  remove(waiter);
}

void WaitQueue::remove(Waiter& waiter) {
  if (next_ == &waiter) next_ = waiting_.next(waiter);
  if (asking_ == &waiter) asking_ = nullptr;
  waiter.unlink();
  --size_;
  if (!waiter.asked_) --unasked_;
  cluster_.cells().pending_requests->sub();
  ClusterUsage& usage = *cluster_.config().usage;
  usage.pending.fetch_sub(1, std::memory_order_relaxed);
  if (!empty()) return;
  tick_.cancel();
  usage.endWaiting(cluster_.member());
}

void WaitQueue::countRefused(std::string_view reason) {
  WorkerCluster::Cells& cells = cluster_.cells();
  cells.overflow->add();
  if (reason == kTimeout) {
    cells.refused_timeout->add();
  } else {
    (reason == kDisplaced ? cells.refused_displaced : cells.refused_full)->add();
  }
}

// --- Being served ---

void WaitQueue::roomMade() {
  if (!empty()) cluster_.io().dispatcher().atTurnEnd(*this);
}

void WaitQueue::onTurnEnd() {
  serve(kMostInVain);
}

// In their order; each at most once. Whoever is called may go, and others with it.
void WaitQueue::serve(uint32_t most_in_vain) {
  if (std::exchange(serving_, true)) return;
  uint32_t in_vain = 0;
  next_ = waiting_.front();
  while (Waiter* const waiter = next_) {
    if (in_vain >= most_in_vain && unasked_ == 0) break;
    next_ = waiting_.next(*waiter);
    if (in_vain >= most_in_vain && waiter->asked_) continue;
    if (!std::exchange(waiter->asked_, true)) --unasked_;
    const uint32_t before = size_;
    asking_ = waiter;
    waiter->onMayHaveRoom();
    if (asking_ != nullptr || size_ >= before) ++in_vain;
  }
  next_ = asking_ = nullptr;
  serving_ = false;
}

void WaitQueue::onTick() {
  const event::MonotonicTime now = cluster_.io().dispatcher().now();
  tick_.arm(kTick);
  serve(kMostInVainAtTick);
  if (first_end_ <= last_tick_) expire();
  last_tick_ = now;
  if (!empty()) cluster_.makeRoom();
}

// Their time was over at the tick before: after a stall of the whole process they have had the
// events and the chance that they missed. Whoever is told may take others along.
void WaitQueue::expire() {
  const event::MonotonicTime end = last_tick_;
  first_end_ = event::MonotonicTime::max();
  next_ = waiting_.front();
  while (Waiter* const waiter = next_) {
    next_ = waiting_.next(*waiter);
    if (waiter->give_up_at_ > end) {
      first_end_ = std::min(first_end_, waiter->give_up_at_);
      continue;
    }
    leave(*waiter);
    countRefused(kTimeout);
    waiter->onWaitFailed(kTimeout);
  }
}

void WaitQueue::moveTo(ClusterUsage& before, ClusterUsage& after) {
  if (empty()) return;
  after.pending.fetch_add(size_, std::memory_order_relaxed);
  before.pending.fetch_sub(size_, std::memory_order_relaxed);
  before.endWaiting(cluster_.member());
  after.startWaiting(cluster_.member());
}

}  // namespace weir::upstream
