#include "source/event/timer.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"

namespace weir::event {
namespace {

using std::chrono::milliseconds;

// A wheel timer with a function to call.
struct Probe {
  explicit Probe(TimerWheel& wheel) : timer(wheel, wheelCallback<&Probe::onTimeout>, this) {}
  void onTimeout() {
    ++fired;
    if (then) then();
  }
  int fired = 0;
  std::function<void()> then;
  WheelTimer timer;
};

TEST(WheelTimer, IsSmall) {
  EXPECT_LE(sizeof(WheelTimer), 56u);
}

TEST(WheelTimer, FiresOnceAndNotEarly) {
  TimerWheel wheel;
  Probe probe(wheel);
  EXPECT_EQ(wheel.ticksToNext(), TimerWheel::kNone);
  probe.timer.arm(milliseconds(100));
  EXPECT_TRUE(probe.timer.armed());
  EXPECT_EQ(wheel.ticksToNext(), 11u);
  wheel.advance(10);
  EXPECT_EQ(probe.fired, 0);
  wheel.advance(11);
  EXPECT_EQ(probe.fired, 1);
  EXPECT_FALSE(probe.timer.armed());
  wheel.advance(1000);
  EXPECT_EQ(probe.fired, 1);
  EXPECT_EQ(wheel.ticksToNext(), TimerWheel::kNone);
}

TEST(WheelTimer, CountsFromTheObservedTime) {
  TimerWheel wheel;
  Probe early(wheel);
  early.timer.arm(milliseconds(10'000));
  wheel.observe(900);
  Probe late(wheel);
  late.timer.arm(milliseconds(500));
  wheel.advance(950);
  EXPECT_EQ(late.fired, 0);
  wheel.advance(951);
  EXPECT_EQ(late.fired, 1);
  EXPECT_EQ(early.fired, 0);
  wheel.advance(1001);
  EXPECT_EQ(early.fired, 1);
}

TEST(WheelTimer, MovesBothWays) {
  TimerWheel wheel;
  Probe probe(wheel);
  probe.timer.arm(milliseconds(100));
  probe.timer.arm(milliseconds(5000));
  wheel.advance(499);
  EXPECT_EQ(probe.fired, 0);
  probe.timer.arm(milliseconds(20));
  wheel.advance(502);
  EXPECT_EQ(probe.fired, 1);
}

TEST(WheelTimer, CancelledOneDoesNotFireAndCanBeArmedAgain) {
  TimerWheel wheel;
  Probe probe(wheel);
  probe.timer.arm(milliseconds(50));
  probe.timer.cancel();
  EXPECT_FALSE(probe.timer.armed());
  wheel.advance(100);
  EXPECT_EQ(probe.fired, 0);
  EXPECT_EQ(wheel.ticksToNext(), TimerWheel::kNone);
  probe.timer.arm(milliseconds(50));
  probe.timer.cancel();
  probe.timer.arm(milliseconds(30));
  wheel.advance(104);
  EXPECT_EQ(probe.fired, 1);
}

TEST(WheelTimer, CallbackMayRearmDestroyItselfAndOthers) {
  TimerWheel wheel;
  Probe again(wheel);
  auto self = std::make_unique<Probe>(wheel);
  auto killer = std::make_unique<Probe>(wheel);
  auto victim = std::make_unique<Probe>(wheel);
  int self_fired = 0;
  again.then = [&] {
    if (again.fired < 3) again.timer.arm(milliseconds(0));
  };
  self->then = [&] {
    ++self_fired;
    self.reset();
  };
  killer->then = [&] { victim.reset(); };
  for (Probe* probe : {&again, self.get(), killer.get(), victim.get()}) {
    probe->timer.arm(milliseconds(10));
  }
  wheel.advance(2);
  EXPECT_EQ(again.fired, 1);
  EXPECT_EQ(self_fired, 1);
  EXPECT_EQ(victim, nullptr);
  wheel.advance(2);
  EXPECT_EQ(again.fired, 1) << "armed in a callback: not in the same call";
  wheel.advance(3);
  wheel.advance(50);
  EXPECT_EQ(again.fired, 3);
  EXPECT_EQ(wheel.ticksToNext(), TimerWheel::kNone);
}

TEST(WheelTimer, AfterEachRunsOncePerCallback) {
  TimerWheel wheel;
  std::vector<std::unique_ptr<Probe>> probes;
  for (int i = 0; i < 5; ++i) {
    probes.push_back(std::make_unique<Probe>(wheel));
    probes.back()->timer.arm(milliseconds(i * 1000));
  }
  int after = 0;
  wheel.advance(302, [&] { ++after; });
  EXPECT_EQ(after, 4);
}

TEST(WheelTimer, VeryLongDelaysStayInRange) {
  TimerWheel wheel;
  wheel.observe((uint64_t{1} << 32) - 10);
  Probe soon(wheel);
  Probe far(wheel);
  soon.timer.arm(milliseconds(200));
  far.timer.arm(milliseconds::max());
  wheel.advance((uint64_t{1} << 32) + 10);
  EXPECT_EQ(soon.fired, 0);
  wheel.advance((uint64_t{1} << 32) + 11);
  EXPECT_EQ(soon.fired, 1);
  wheel.advance((uint64_t{1} << 32) + (uint64_t{1} << 30));
  EXPECT_EQ(far.fired, 0);
  wheel.advance(uint64_t{1} << 34);
  EXPECT_EQ(far.fired, 1);
}

TEST(WheelTimer, WheelMayGoFirst) {
  auto wheel = std::make_unique<TimerWheel>();
  Probe probe(*wheel);
  probe.timer.arm(milliseconds(10));
  wheel.reset();
}

// Random use, compared with a list of deadlines.
class WheelOracle {
 public:
  explicit WheelOracle(uint64_t seed) : random_(seed), now_(random_.uniform(1 << 20)) {
    wheel_.observe(now_);
    for (int i = 0; i < 40; ++i) entries_.push_back(makeEntry());
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      const size_t pick = random_.uniform(entries_.size());
      switch (random_.uniform(8)) {
        case 0:
          entries_[pick]->probe.timer.cancel();
          entries_[pick]->deadline.reset();
          break;
        case 1:
          entries_[pick] = makeEntry();
          break;
        case 2:
        case 3:
          advance();
          break;
        default:
          arm(*entries_[pick]);
      }
      ASSERT_FALSE(testing::Test::HasFailure()) << "step " << i;
    }
  }

 private:
  struct Entry {
    explicit Entry(TimerWheel& wheel) : probe(wheel) {}
    Probe probe;
    std::optional<uint64_t> deadline;  // the earliest tick at which it is not early
  };

  std::unique_ptr<Entry> makeEntry() {
    auto entry = std::make_unique<Entry>(wheel_);
    entry->probe.then = [this, self = entry.get()] {
      ASSERT_TRUE(self->deadline.has_value()) << "fired without being armed, or twice";
      EXPECT_GE(now_, *self->deadline) << "early";
      EXPECT_LT(previous_, *self->deadline) << "late";
      EXPECT_GE(*self->deadline, last_fired_) << "out of order";
      last_fired_ = *self->deadline;
      self->deadline.reset();
      if (random_.uniform(4) == 0) arm(*self);
      if (random_.uniform(8) == 0) arm(*entries_[random_.uniform(entries_.size())]);
    };
    return entry;
  }

  void arm(Entry& entry) {
    constexpr uint64_t kBounds[] = {3, 200, 3000, 700'000, 200'000'000};
    const uint64_t ms = random_.uniform(kBounds[random_.uniform(std::size(kBounds))]);
    entry.probe.timer.arm(milliseconds(ms));
    entry.deadline = now_ + (ms + 9) / 10 + 1;
  }

  void advance() {
    constexpr uint64_t kBounds[] = {2, 20, 300, 70'000, 20'000'000};
    previous_ = now_;
    now_ += random_.uniform(kBounds[random_.uniform(std::size(kBounds))]);
    if (random_.uniform(3) == 0) wheel_.observe(now_);
    uint64_t first = TimerWheel::kNone;
    for (const auto& entry : entries_) {
      if (entry->deadline) first = std::min(first, *entry->deadline);
    }
    if (first != TimerWheel::kNone) {
      EXPECT_LE(wheel_.currentTick() + wheel_.ticksToNext(), std::max(first, now_));
    }
    last_fired_ = 0;
    wheel_.advance(now_);
    for (const auto& entry : entries_) {
      EXPECT_GT(entry->deadline.value_or(TimerWheel::kNone), now_) << "not fired";
    }
  }

  base::Random random_;
  TimerWheel wheel_;
  uint64_t now_;
  uint64_t previous_ = 0;
  uint64_t last_fired_ = 0;
  std::vector<std::unique_ptr<Entry>> entries_;
};

TEST(WheelOracle, FiresEverythingOnTimeOnce) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    WheelOracle(seed).run(1000);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace weir::event
