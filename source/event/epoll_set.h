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
      prefetch(i + 1);
      const epoll_event& event = ready_[static_cast<size_t>(i)];
      if (event.data.u64 == kForeign) {
        foreign = true;
        continue;
      }
      const Slot& slot = slots_[static_cast<uint32_t>(event.data.u64)];
      if (slot.handler == nullptr || slot.generation != event.data.u64 >> 32) continue;
      const FdEvents events = eventsOf(event.events, slot.wanted);
      if (events.readable || events.writable) call(*slot.handler, events);
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

   private:
    EpollSet& set_;
    const int fd_;
    const uint32_t slot_;
    bool registered_ = false;
  };
  // Events name a slot and its generation, so that one that was fetched for a watcher that has gone
  // since, or comes for a descriptor that lives on in a forked child, is not taken for another's.
  // What dispatching needs is here, one beside the other, and not in the watchers.
  struct Slot {
    FdHandler* handler = nullptr;
    uint32_t generation = 0;
    FdEvents wanted;
  };
  static constexpr uint64_t kForeign = ~uint64_t{0};
  static constexpr size_t kBatch = 512;

  static FdEvents eventsOf(uint32_t ready, FdEvents wanted);
  uint64_t tag(uint32_t slot) const { return uint64_t{slots_[slot].generation} << 32 | slot; }
  uint32_t takeSlot(FdHandler& handler);
  void giveSlot(uint32_t slot);
  // With many connections the next one's memory is not in a cache: fetch it while this one works.
  void prefetch(int index) const {
    if (index >= ready_count_) return;
    const uint64_t tag = ready_[static_cast<size_t>(index)].data.u64;
    if (tag == kForeign) return;
    const auto* handler = reinterpret_cast<const char*>(slots_[static_cast<uint32_t>(tag)].handler);
    __builtin_prefetch(handler);
    __builtin_prefetch(handler + 64);
    __builtin_prefetch(handler + 128);
  }

  int fd_ = -1;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
  int ready_count_ = 0;
  std::array<epoll_event, kBatch> ready_;
};

}  // namespace weir::event
