#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"

#include "source/base/intrusive_list.h"

namespace weir::event {

// One exact timer. Destroying it cancels it. Worker-confined.
class Timer {
 public:
  virtual ~Timer() = default;
  // (Re)starts; fires once.
  virtual void start(std::chrono::milliseconds delay) = 0;
  virtual void cancel() = 0;
  virtual bool running() const = 0;
};

class TimerWheel;

// A timer of the wheel, a member of the object that it times. Fires once, never early, at most two
// ticks late. Worker-confined. Destroying it cancels it. arm() on a running timer that moves the
// deadline back is a store: the entry stays in its slot and is looked at again when that comes up.
class WheelTimer : public base::ListNode<> {
 public:
  using Callback = void (*)(void* context);
  // `context` outlives the timer; `callback` may re-arm or destroy the timer.
  WheelTimer(TimerWheel& wheel, Callback callback, void* context)
      : wheel_(&wheel), callback_(callback), context_(context) {}
  ~WheelTimer();

  void arm(std::chrono::milliseconds delay);
  void cancel() { deadline_tick_ = kNever; }
  bool armed() const { return deadline_tick_ != kNever; }

 private:
  friend class TimerWheel;
  static constexpr uint64_t kNever = ~uint64_t{0};
  TimerWheel* wheel_;
  Callback callback_;
  void* context_;
  uint64_t deadline_tick_ = kNever;
  uint64_t slot_tick_ = 0;  // when its slot comes up, while linked
};

// Member function as a wheel callback: WheelTimer t(wheel, wheelCallback<&Foo::onTimeout>, this).
template <auto Method>
struct WheelMethod;
template <class T, void (T::*Method)()>
struct WheelMethod<Method> {
  static void call(void* context) { (static_cast<T*>(context)->*Method)(); }
};
template <auto Method>
inline constexpr WheelTimer::Callback wheelCallback = &WheelMethod<Method>::call;

// Hierarchical timing wheel (Varghese and Lauck, SOSP 1987) with a tick of 10 ms; costs nothing
// while no timer is linked. Its dispatcher advances it. Worker-confined.
class TimerWheel {
 public:
  static constexpr std::chrono::milliseconds kTick{10};

  TimerWheel() = default;
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Tells the time (ticks since the wheel's start) without firing anything: timers armed from now
  // on count from here. Never goes back.
  void observe(uint64_t now_tick);
  // Fires what is due at `now_tick`, in order of deadline; `after_each` runs after every callback.
  // Timers that a callback arms fire on a later call. The cost depends on what is linked, not on
  // how many ticks have passed. Not called from a callback.
  void advance(
      uint64_t now_tick, absl::FunctionRef<void()> after_each = [] {});
  // Ticks until something may be due (0: now), or kNone: how long the loop may sleep.
  static constexpr uint64_t kNone = ~uint64_t{0};
  uint64_t ticksToNext() const {
    if (linked_ == 0) return kNone;
    return next_tick_ <= now_tick_ ? 0 : next_tick_ - now_tick_;
  }
  uint64_t currentTick() const { return now_tick_; }

 private:
  friend class WheelTimer;
  struct Due {
    uint64_t tick;
    int level;
  };
  void place(WheelTimer& timer);
  void remove(WheelTimer& timer);
  Due findDue() const;
  void process(int level, absl::FunctionRef<void()> after_each);
  void forgetEmptySlots();

  static constexpr int kBits = 8;
  static constexpr int kSlots = 1 << kBits;
  static constexpr int kLevels = 4;
  static constexpr int kWords = kSlots / 64;
  uint64_t now_tick_ = 0;                    // as last told
  uint64_t processed_tick_ = 0;              // slots up to here have been looked at; <= now_tick_
  uint64_t next_tick_ = kNone;               // no slot comes up before
  size_t linked_ = 0;                        // timers in slots, cancelled ones included
  uint64_t occupied_[kLevels][kWords] = {};  // a bit per slot; a set one may prove empty
  base::IntrusiveList<WheelTimer> slots_[kLevels][kSlots];
};

}  // namespace weir::event
