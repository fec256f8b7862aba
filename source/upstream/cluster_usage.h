#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/base/string_map.h"
#include "source/event/dispatcher.h"
#include "source/stats/stats.h"
#include "source/upstream/endpoint_usage.h"
#include "source/upstream/sticky_memory.h"

namespace weir::upstream {

class WorkerCluster;

// What one cluster has in use over all workers, against its limits. Touched when a connection opens
// or closes, a request has to wait or is sent again, never for a request that finds a connection
// and room within its worker's lot. Shared by successive configurations of a cluster. Thread-safe.
class ClusterUsage {
 public:
  using Count = std::atomic<uint32_t>;
  // Adds one unless that would pass `limit`.
  static bool tryAdd(Count& count, uint32_t limit) { return addUpTo(count, 1, limit) == 1; }
  // Adds at most `most` and so many that `limit` is not passed; how many.
  static uint32_t addUpTo(Count& count, uint32_t most, uint32_t limit);

  Count connections{0};
  Count pending{0};   // who waits in the workers' WaitQueues
  Count requests{0};  // that the workers' RequestQuotas hold
  Count retries{0};   // in progress
  // Of one endpoint; the same as long as anybody holds it.
  std::shared_ptr<EndpointUsage> endpoint(const std::string& id);
  // Of one that somebody holds; else null.
  std::shared_ptr<EndpointUsage> findEndpoint(std::string_view id) const;
  // Those that somebody holds, and at most as many others, or 64.
  size_t knownEndpoints() const;

  // What the cluster's stickiness keeps, as long as a worker has it: what was made for the same
  // `identity`, which names the kind, so that it is a T; else what `make` gives. Not null.
  template <class T, class F>
  std::shared_ptr<T> stickyMemory(std::string_view identity, F&& make) {
    const std::lock_guard lock(mutex_);
    std::weak_ptr<StickyMemory>& slot = stickyMemoryOf(identity);
    std::shared_ptr<StickyMemory> memory = slot.lock();
    if (memory == nullptr) slot = memory = std::forward<F>(make)();
    return std::static_pointer_cast<T>(memory);
  }
  // All zero when there is no stickiness. What is over by now is not counted, and taken off
  // EndpointUsage::pinned.
  StickyMemory::Totals stickyTotals(event::MonotonicTime now) const;

  // One worker's part in the cluster.
  struct Member {
    Member(event::Dispatcher& d, const stats::Cell& r, const stats::Cell& c)
        : dispatcher(d), requests(r), connections(c) {}
    event::Dispatcher& dispatcher;
    const stats::Cell& requests;  // in flight
    const stats::Cell& connections;
    std::atomic<bool> asked{false};     // to make room; has not come to it yet
    std::atomic<bool> starving{false};  // whoever asked has nothing of its own to wait for
    std::atomic<bool> told{false};      // that there is room; has not come to it yet
    std::atomic<bool> waiting{false};   // its WaitQueue is not empty
    WorkerCluster* cluster = nullptr;   // Worker-confined; null when it is gone
  };
  void join(std::shared_ptr<Member> member);
  void leave(const Member& member);
  // Asks the other workers to give back what they hold and do not use, for a request that waits
  // here because they hold the limit. `starving`: to close also the next connection that has done
  // its work, since none here will.
  void askForRoom(const Member& asking, bool starving);

  // Its WaitQueue is not empty any more; is empty again.
  void startWaiting(Member& member);
  void endWaiting(Member& member);
  uint32_t workersWaiting() const { return waiting_.load(std::memory_order_relaxed); }
  // `from` has given back something that the workers share: tells one that waits, each in its turn.
  void roomMade(const Member& from);

  // Over all workers, as of now.
  struct Active {
    uint64_t requests = 0;
    uint64_t connections = 0;
  };
  Active active();

 private:
  void forgetUnused();
  std::weak_ptr<StickyMemory>& stickyMemoryOf(std::string_view identity);

  Count waiting_{0};          // workers
  mutable std::mutex mutex_;  // guards the rest
  size_t next_told_ = 0;
  std::vector<std::shared_ptr<Member>> members_;
  base::StringMap<std::weak_ptr<EndpointUsage>> endpoints_;
  size_t forget_at_ = 64;  // so many, with those that nobody holds any more
  // By identity; more than one only while the workers change over.
  std::vector<std::pair<std::string, std::weak_ptr<StickyMemory>>> sticky_;
};

// One worker's share of the requests that a cluster may have in progress. It is taken from
// ClusterUsage in lots, so that workers do not meet at one counter with every request. A lot is
// 1/256 of the limit: with N workers the limit is felt up to N/128 early; below 512 it is one
// request, and the limit is exact. Worker-confined.
class RequestQuota {
 public:
  explicit RequestQuota(std::shared_ptr<ClusterUsage> usage) : usage_(std::move(usage)) {}
  RequestQuota(const RequestQuota&) = delete;
  RequestQuota& operator=(const RequestQuota&) = delete;
  ~RequestQuota() { giveBack(held_); }

  // False when that would pass `limit`.
  bool take(uint32_t limit) {
    if (used_ == held_ && !takeLot(limit)) return false;
    ++used_;
    return true;
  }
  void release() {
    --used_;
    if (held_ - used_ >= 2 * lot_ || lot_ == 1) giveBack(lot_);
  }
  // All that is not in use; false when that is nothing.
  bool giveBackSpare() {
    if (held_ == used_) return false;
    giveBack(held_ - used_);
    return true;
  }
  // From now on it is a share of `usage`.
  void moveTo(std::shared_ptr<ClusterUsage> usage);

 private:
  bool takeLot(uint32_t limit);
  void giveBack(uint32_t count);

  std::shared_ptr<ClusterUsage> usage_;
  uint32_t held_ = 0;
  uint32_t used_ = 0;
  uint32_t lot_ = 1;
};

}  // namespace weir::upstream
