#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "source/event/dispatcher.h"

namespace weir::event {

// The watched descriptors of one loop, on an epoll set of its own. libuv's uv_poll_t takes four
// system calls more for each descriptor that comes and goes, and 160 bytes; a proxy has one for
// every connection. Worker-confined. Outlives its watchers.
class EpollSet {
 public:
  EpollSet() = default;
  ~EpollSet();
  EpollSet(const EpollSet&) = delete;
  EpollSet& operator=(const EpollSet&) = delete;

  // 0, or the errno of a kernel without descriptors.
  int open();
  std::unique_ptr<FdWatcher> createWatcher(int fd, FdHandler& handler);
  // Watches a descriptor that nobody handles here: wait() says when it is readable.
  int watchForeign(int fd);

  // Waits up to `timeout_ms` (-1: for ever) and fetches what is ready.
  void wait(int timeout_ms);
  // Gives each ready handler that is still watched then to `call(handler, events)`. True when the
  // foreign descriptor was ready.
  template <class Call>
  bool dispatch(Call&& call) {
    bool foreign = false;
    for (int i = 0; i < ready_count_; ++i) {
      const epoll_event& event = ready_[static_cast<size_t>(i)];
      if (event.data.u64 == kForeign) {
        foreign = true;
      } else if (const Watcher* watcher = find(event.data.u64); watcher != nullptr) {
        const FdEvents events = watcher->eventsOf(event.events);
        if (events.readable || events.writable) call(watcher->handler(), events);
      }
    }
    ready_count_ = 0;
    return foreign;
  }

 private:
  class Watcher final : public FdWatcher {
   public:
    Watcher(EpollSet& set, int fd, FdHandler& handler);
    ~Watcher() override;
    void watch(FdEvents events) override;
    void closing() override { registered_ = false; }

    FdHandler& handler() const { return handler_; }
    FdEvents eventsOf(uint32_t ready) const;

   private:
    EpollSet& set_;
    FdHandler& handler_;
    const int fd_;
    const uint32_t slot_;
    FdEvents wanted_;
    bool registered_ = false;
  };
  // Events name a slot and its generation, so that one that was fetched for a watcher that has gone
  // since, or comes for a descriptor that lives on in a forked child, is not taken for another's.
  struct Slot {
    Watcher* watcher = nullptr;
    uint32_t generation = 0;
  };
  static constexpr uint64_t kForeign = ~uint64_t{0};
  static constexpr size_t kBatch = 512;

  uint64_t tag(uint32_t slot) const { return uint64_t{slots_[slot].generation} << 32 | slot; }
  const Watcher* find(uint64_t tag) const;
  uint32_t takeSlot(Watcher& watcher);
  void giveSlot(uint32_t slot);

  int fd_ = -1;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
  int ready_count_ = 0;
  std::array<epoll_event, kBatch> ready_;
};

}  // namespace weir::event
