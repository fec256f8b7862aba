#include "source/lua/timers.h"

#include <algorithm>

#include "source/lua/state.h"

namespace weir::lua {

struct Timers::Timer {
  Timer(Timers& timers, uint64_t number, Function function, std::chrono::milliseconds delay,
        bool periodic)
      : timers(timers), number(number), function(function), delay(delay), periodic(periodic) {}

  void fire() { timers.fire(*this); }

  Timers& timers;
  const uint64_t number;
  const Function function;
  const std::chrono::milliseconds delay;
  const bool periodic;
  std::unique_ptr<event::WheelTimer> wheel;
};

Timers::Timers(State& state) : state_(state) {}
Timers::~Timers() = default;

uint64_t Timers::add(Function function, std::chrono::milliseconds delay, bool periodic) {
  Timer& timer =
      *timers_.emplace_back(std::make_unique<Timer>(*this, ++last_, function, delay, periodic));
  if (!state_.trial()) {
    timer.wheel = std::make_unique<event::WheelTimer>(state_.host().dispatcher->wheel(),
                                                      event::wheelCallback<&Timer::fire>, &timer);
    timer.wheel->arm(delay);
  }
  return timer.number;
}

bool Timers::cancel(uint64_t number) {
  const auto timer = std::find_if(timers_.begin(), timers_.end(),
                                  [number](const auto& timer) { return timer->number == number; });
  if (timer == timers_.end()) return false;
  state_.forget((*timer)->function);
  timers_.erase(timer);
  return true;
}

void Timers::clear() {
  for (const auto& timer : timers_) state_.forget(timer->function);
  timers_.clear();
}

// The function may cancel its own timer, or bring about the end of the state.
void Timers::fire(Timer& timer) {
  const base::LocalRef<State> keep(&state_);
  const uint64_t number = timer.number;
  const Function function = timer.function;
  const bool periodic = timer.periodic;
  // Before the call: one that fails runs again all the same.
  if (periodic) timer.wheel->arm(timer.delay);
  state_.call(
      function, [](lua_State*) { return 0; }, [](lua_State*, int) {});
  if (!periodic) cancel(number);
}

}  // namespace weir::lua
