#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "source/event/timer.h"

namespace weir::lua {

class State;
struct Function;

// The timers of one State, by number. They end with it, or when it is retired. In a trial they are
// counted and never run. Worker-confined.
class Timers {
 public:
  static constexpr size_t kMost = 1000;

  explicit Timers(State& state);
  ~Timers();
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  bool full() const { return timers_.size() >= kMost; }
  // Takes `function`. Once after `delay`, or every `delay`. Returns its number.
  uint64_t add(Function function, std::chrono::milliseconds delay, bool periodic);
  // False: there is none of that number (any more).
  bool cancel(uint64_t number);
  void clear();

 private:
  struct Timer;
  void fire(Timer& timer);

  State& state_;
  uint64_t last_ = 0;
  std::vector<std::unique_ptr<Timer>> timers_;
};

}  // namespace weir::lua
