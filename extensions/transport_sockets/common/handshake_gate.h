#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

#include "source/base/intrusive_list.h"
#include "source/event/dispatcher.h"

namespace weir::extensions::transport_sockets {

// How many handshakes may begin per second, on all workers together: a virtual schedule (the
// generic cell rate algorithm) with room for a burst of kBurst. Thread-safe.
class HandshakeRate {
 public:
  // What may begin at once after a pause: this time's worth, at least one.
  static constexpr std::chrono::milliseconds kBurst{100};

  explicit HandshakeRate(uint32_t per_second);
  // zero: one may begin now and is counted. Else nothing was counted: how long until it may.
  std::chrono::nanoseconds take(event::MonotonicTime now);

 private:
  const int64_t interval_ns_;
  const int64_t tolerance_ns_;
  std::atomic<int64_t> next_ns_{INT64_MIN};  // when the next one is due by the schedule
};

// Lets handshakes begin their costly part: a few in each turn of the loop, so that traffic that
// runs already waits for half a millisecond at most, and the others after them in the order they
// came. Worker-confined.
class HandshakeGate {
 public:
  static constexpr int kPerTurn = 4;

  // One that may have to wait. Worker-confined.
  class Waiter : public base::ListNode<> {
   public:
    // Its turn has come, and it waits no more. From a posted task.
    virtual void onTurn() = 0;

   protected:
    ~Waiter() = default;
  };

  // The waiters of one limited rate, in order. Worker-confined.
  class Limited {
   public:
    Limited(HandshakeGate& gate, std::shared_ptr<HandshakeRate> rate);

   private:
    friend class HandshakeGate;
    void onTimer();
    void waitFor(std::chrono::nanoseconds time);

    HandshakeGate& gate_;
    const std::shared_ptr<HandshakeRate> rate_;
    base::IntrusiveList<Waiter> waiting_;
    event::WheelTimer timer_;
  };

  explicit HandshakeGate(event::Dispatcher& dispatcher);
  ~HandshakeGate();
  HandshakeGate(const HandshakeGate&) = delete;
  HandshakeGate& operator=(const HandshakeGate&) = delete;

  // True: begin now. False: `waiter` is told later; destroying or unlinking it ends its waiting.
  bool enter(Waiter& waiter, Limited* limited);
  // One whose turn came has nothing to do after all: the next may have it.
  void giveBack() { --used_; }

 private:
  bool admit();
  void schedule();
  void run();

  event::Dispatcher& dispatcher_;
  base::IntrusiveList<Waiter> waiting_;
  event::MonotonicTime turn_{};
  int used_ = 0;  // in this turn
  bool scheduled_ = false;
  // Tells a posted task that the gate is gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace weir::extensions::transport_sockets
