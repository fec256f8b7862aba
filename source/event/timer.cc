#include "source/event/timer.h"

#include <algorithm>
#include <bit>

// A slot of level L covers 256^L ticks. A timer lies on the level of the highest byte in which its
// tick and the tick that was processed last differ; when the first tick of its slot is reached, it
// moves down (or, on level 0, fires). So a level's occupied slots always lie ahead of where its
// hand stands, and a bitmap finds the next one without walking over empty ticks.

namespace weir::event {
namespace {

// Half the range of the top level, so that its hand may wrap around: 248 days.
constexpr uint64_t kMostTicks = uint64_t{1} << 31;

}  // namespace

WheelTimer::~WheelTimer() {
  if (linked()) wheel_->remove(*this);
}

void WheelTimer::arm(std::chrono::milliseconds delay) {
  const uint64_t ms = delay.count() > 0 ? static_cast<uint64_t>(delay.count()) : 0;
  constexpr uint64_t kTickMs = TimerWheel::kTick.count();
  // One more, because the current tick may be almost over.
  const uint64_t ticks = std::min((ms + kTickMs - 1) / kTickMs, kMostTicks) + 1;
  deadline_tick_ = wheel_->now_tick_ + ticks;
  if (linked() && slot_tick_ <= deadline_tick_) return;
  wheel_->remove(*this);
  wheel_->place(*this);
}

void TimerWheel::remove(WheelTimer& timer) {
  if (!timer.linked()) return;
  timer.unlink();
  --linked_;
}

void TimerWheel::place(WheelTimer& timer) {
  timer.slot_tick_ = timer.deadline_tick_;
  const uint64_t differing = timer.slot_tick_ ^ processed_tick_;
  const int level =
      differing == 0
          ? 0
          : std::min((static_cast<int>(std::bit_width(differing)) - 1) / kBits, kLevels - 1);
  const int slot = static_cast<int>((timer.slot_tick_ >> (level * kBits)) & (kSlots - 1));
  slots_[level][slot].pushBack(timer);
  occupied_[level][slot / 64] |= uint64_t{1} << (slot % 64);
  ++linked_;
  const uint64_t begins = (timer.slot_tick_ >> (level * kBits)) << (level * kBits);
  next_tick_ = std::min(next_tick_, begins);
}

void TimerWheel::forgetEmptySlots() {
  for (auto& level : occupied_) std::fill(std::begin(level), std::end(level), 0);
  next_tick_ = kNone;
}

void TimerWheel::observe(uint64_t now_tick) {
  now_tick_ = std::max(now_tick_, now_tick);
  if (linked_ > 0 || processed_tick_ == now_tick_) return;
  if (next_tick_ != kNone) forgetEmptySlots();
  processed_tick_ = now_tick_;
}

// The occupied slot that comes up first; of equals the highest level, which may hold timers for the
// lower.
TimerWheel::Due TimerWheel::findDue() const {
  Due due{kNone, 0};
  for (int level = 0; level < kLevels; ++level) {
    const int shift = level * kBits;
    const uint64_t hand = processed_tick_ >> shift;
    const unsigned from = static_cast<unsigned>(hand & (kSlots - 1));
    // From the hand's own slot around to it again.
    for (unsigned step = 0; step <= kWords; ++step) {
      const unsigned word = (from / 64 + step) % kWords;
      uint64_t bits = occupied_[level][word];
      if (step == 0) bits &= ~uint64_t{0} << (from % 64);
      if (step == kWords) bits &= ~(~uint64_t{0} << (from % 64));
      if (bits == 0) continue;
      const unsigned slot = word * 64 + static_cast<unsigned>(std::countr_zero(bits));
      const uint64_t tick = (hand + ((slot - from) & (kSlots - 1))) << shift;
      if (tick <= due.tick) due = {tick, level};
      break;
    }
  }
  return due;
}

void TimerWheel::advance(uint64_t now_tick, absl::FunctionRef<void()> after_each) {
  now_tick_ = std::max(now_tick_, now_tick);
  while (linked_ > 0 && next_tick_ <= now_tick_) {
    const Due due = findDue();
    next_tick_ = due.tick;
    if (due.tick > now_tick_) break;
    processed_tick_ = std::max(processed_tick_, due.tick);
    process(due.level, after_each);
  }
  if (linked_ == 0) return observe(now_tick_);
  processed_tick_ = now_tick_;  // nothing lies between
}

// Empties the slot under the hand of `level`.
void TimerWheel::process(int level, absl::FunctionRef<void()> after_each) {
  const unsigned slot = static_cast<unsigned>((processed_tick_ >> (level * kBits)) & (kSlots - 1));
  base::IntrusiveList<WheelTimer> reached;
  reached.spliceBack(slots_[level][slot]);
  occupied_[level][slot / 64] &= ~(uint64_t{1} << (slot % 64));
  while (WheelTimer* timer = reached.popFront()) {
    --linked_;
    if (!timer->armed()) continue;
    if (timer->deadline_tick_ > processed_tick_) {
      place(*timer);
      continue;
    }
    timer->deadline_tick_ = WheelTimer::kNever;
    timer->callback_(timer->context_);  // may have destroyed it
    after_each();
  }
}

}  // namespace weir::event
