#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "source/base/fd.h"
#include "source/base/intrusive_list.h"
#include "source/event/dispatcher.h"
#include "source/network/listener_filter.h"

namespace weir::network {

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
    enum class Refusal : uint8_t { kByFilter, kTimeout, kPeerGone };
    virtual void onRefused(Inspection& inspection, Refusal refusal) = 0;

   protected:
    ~Owner() = default;
  };
  using Filters = std::vector<std::unique_ptr<WorkerListenerFilterFactory>>;

  Inspection(Owner& owner, event::Dispatcher& dispatcher, base::UniqueFd fd, const Address& remote,
             std::shared_ptr<const Address> local);

  // `timeout`: for all filters together; zero: no limit.
  void start(const Filters& filters, std::chrono::milliseconds timeout);

  InspectedConnection& connection() { return connection_; }
  base::UniqueFd takeFd();
  // Ends it from outside, as refused by a filter.
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
