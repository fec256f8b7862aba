#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "source/base/fd.h"
#include "source/base/intrusive_list.h"
#include "source/base/local_ref.h"
#include "source/event/dispatcher.h"
#include "source/network/listener_filter.h"

namespace weir::network {

// The listener filters of one configuration, bound to a worker. Worker-confined; kept alive by the
// inspections that go by it when a newer one has come.
class WorkerListenerFilters final : public base::LocalCounted {
 public:
  using Factories = std::vector<std::shared_ptr<const ListenerFilterFactory>>;
  // `timeout`: for all filters of a connection together; zero: no limit.
  WorkerListenerFilters(Factories factories, std::chrono::milliseconds timeout,
                        base::ServiceMap& services);

  bool empty() const { return bound_.empty(); }
  std::chrono::milliseconds timeout() const { return timeout_; }
  std::vector<std::unique_ptr<ListenerFilter>> create();

 private:
  const Factories factories_;
  std::vector<std::unique_ptr<WorkerListenerFilterFactory>> bound_;
  const std::chrono::milliseconds timeout_;
};

// Leads one accepted connection through the listener filters: reads what they want to see, keeps
// the time, and hands the connection over together with the bytes that were read. Reads no more
// than the filter in turn asks for, so memory is bounded by that. Worker-confined.
class Inspection final : public event::FdHandler,
                         public event::DeferredDeletable,
                         public base::ListNode<> {
 public:
  // Told exactly once, possibly from inside start(); destroys the inspection later (deferDelete).
  class Owner {
   public:
    // All filters have let it pass: takeFd(), connection() and earlyBytes() are the owner's now.
    virtual void onInspected(Inspection& inspection) = 0;
    enum class Refusal : uint8_t { kByFilter, kTimeout, kPeerGone, kByOwner };
    virtual void onRefused(Inspection& inspection, Refusal refusal) = 0;

   protected:
    ~Owner() = default;
  };

  Inspection(Owner& owner, event::Dispatcher& dispatcher, base::UniqueFd fd,
             InspectedConnection connection);

  void start(base::LocalRef<WorkerListenerFilters> filters);

  InspectedConnection& connection() { return connection_; }
  base::UniqueFd takeFd();
  // Ends it from outside: kByOwner.
  void cancel();
  // Read and not consumed.
  std::string& earlyBytes() { return bytes_; }

  void onFdReady(event::FdEvents events) override;

 private:
  ListenerFilter& filter() { return *filters_[current_]; }
  bool finished() const { return current_ == filters_.size(); }
  void run();
  // False when it waits or is over.
  bool step();
  bool readMore();
  void beginFilter();
  void advance(size_t consume);
  void wait();
  void onTimeout();
  void refuse(Owner::Refusal refusal);
  void stopWatching();

  Owner& owner_;
  event::Dispatcher& dispatcher_;
  base::UniqueFd fd_;
  std::unique_ptr<event::FdWatcher> watcher_;
  event::WheelTimer timer_;
  InspectedConnection connection_;
  base::LocalRef<WorkerListenerFilters> bound_;
  std::vector<std::unique_ptr<ListenerFilter>> filters_;
  size_t current_ = 0;
  std::string bytes_;
  event::MonotonicTime deadline_ = event::MonotonicTime::max();         // of all
  event::MonotonicTime filter_deadline_ = event::MonotonicTime::max();  // of the current one
  bool fresh_bytes_ = false;  // the current filter has not seen all of bytes_
  bool peer_ended_ = false;
  bool over_ = false;
};

}  // namespace weir::network
