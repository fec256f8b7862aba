#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "source/base/intrusive_list.h"
#include "source/event/dispatcher.h"
#include "source/event/timer.h"

namespace weir::upstream {

class ClusterUsage;
class WorkerCluster;

// In which order those who wait for room are served.
enum class QueueOrder : uint8_t {
  kFifo,
  kLifo,     // who came last: in a long overload some are served in time, instead of all too late
  kPriority  // the highest class first; within a class who came first
};

// A request or session for which no endpoint of a cluster has room. Worker-confined.
class Waiter : public base::ListNode<Waiter> {
 public:
  // There may be room: choose again. Who gets what it wants leaves the queue first; who stays in it
  // is called again.
  virtual void onMayHaveRoom() = 0;
  // It is out of the queue, for a reason that is static text: waited too long, or had to make place
  // for another.
  virtual void onWaitFailed(std::string_view reason) = 0;

 protected:
  // Not while it waits: WaitQueue::leave() first.
  ~Waiter() = default;

 private:
  friend class WaitQueue;
  event::MonotonicTime since_;
  event::MonotonicTime give_up_at_;
  uint64_t number_ = 0;  // of those that came to this queue
  uint8_t priority_ = 0;
  bool asked_ = false;  // had a chance since it came
};

// Those who wait for room in one cluster, on one worker: bounded over all workers by
// ClusterConfig::max_pending_requests, each for at most ClusterConfig::queue_timeout. Room that is
// made on this worker they learn of at the end of the loop's turn, other workers' room at once when
// it is this worker's turn, else within a tick. Who comes while others wait goes behind them, so
// that nobody is overtaken who could have been served. Allocates nothing. Worker-confined.
class WaitQueue final : private event::TurnEndTask {
 public:
  static constexpr std::string_view kOverflow = "pending_requests_overflow";
  static constexpr std::string_view kDisplaced = "pending_request_displaced";
  static constexpr std::string_view kTimeout = "queue_timeout";

  explicit WaitQueue(WorkerCluster& cluster);
  ~WaitQueue();

  bool empty() const { return size_ == 0; }
  uint32_t size() const { return size_; }
  // Somebody of that class who comes now has to wait behind others, without asking for an endpoint.
  bool mustWait(uint8_t priority) const {
    return size_ > 0 && !serving_ && mustWaitBehind(priority);
  }
  // False when too many wait; counted as overflow. `again`: it has just left and found no room
  // after all: keeps its rank and its time. Whoever ranks behind it may be displaced by it when the
  // queue is full (not with kFifo).
  [[nodiscard]] bool enter(Waiter& waiter, uint8_t priority, bool again);
  // It has got what it wanted, or wants it no more. Idempotent.
  void leave(Waiter& waiter);
  // There may be room for somebody, as far as this worker knows.
  void roomMade();
  // The cluster has got another usage.
  void moveTo(ClusterUsage& before, ClusterUsage& after);
  // Counts a failure of which `reason` is one of those above.
  void countRefused(std::string_view reason);

 private:
  // Of those who had a chance before, so many are asked in vain before the rest has to wait for the
  // tick. Not just one: who is first may want another endpoint than the one that has room.
  static constexpr uint32_t kMostInVain = 4;
  static constexpr uint32_t kMostInVainAtTick = 256;
  static constexpr std::chrono::milliseconds kTick{10};

  bool mustWaitBehind(uint8_t priority) const;
  bool goesBefore(const Waiter& a, const Waiter& b) const;
  void insert(Waiter& waiter);
  bool makePlaceFor(const Waiter& waiter);
  void remove(Waiter& waiter);
  void serve(uint32_t most_in_vain);
  void expire();
  void onTurnEnd() override;
  void onTick();

  WorkerCluster& cluster_;
  event::WheelTimer tick_;
  mutable base::IntrusiveList<Waiter, Waiter> waiting_;  // who is served next in front
  Waiter* next_ = nullptr;                               // of a walk along the list
  Waiter* asking_ = nullptr;                             // while it is asked, and has not left
  event::MonotonicTime last_tick_;
  event::MonotonicTime first_end_;  // nobody's time is over before
  uint64_t came_ = 0;
  uint32_t size_ = 0;
  uint32_t unasked_ = 0;
  bool serving_ = false;
};

}  // namespace weir::upstream
