#include "source/lua/entry.h"

#include <luajit-2.1/lua.hpp>

#include "source/base/concat.h"

namespace weir::lua {
namespace {

// One call in so many is measured: two looks at the clock cost more than a short script's share.
constexpr uint32_t kSample = 16;

}  // namespace

Entry::Entry(State& state, Scope* scope, lua_State* thread)
    : state_(&state),
      outer_scope_(state.current_scope_),
      outer_thread_(state.current_thread_),
      watched_(state.watched_),
      refusals_(state.memory_.refusals()) {
  state.current_scope_ = scope;
  state.current_thread_ = thread;
  ++state.depth_;
  if (watched_ != nullptr) outer_ = watched_->enter(state.main_, state.script_.config().cpu_time);
  if (state.host_.dispatcher != nullptr && state.depth_ == 1 && state.calls_++ % kSample == 0) {
    measured_ = true;
    begin_ = state.host_.dispatcher->preciseNow();
  }
}

Entry::~Entry() {
  State& state = *state_;
  if (!finished_) leave();
  state.current_scope_ = outer_scope_;
  state.current_thread_ = outer_thread_;
  --state.depth_;
}

Outcome Entry::succeeded() {
  return finish({});
}

Outcome Entry::failed(int status, lua_State* thread) {
  return finish(state_->errorOf(status, thread));
}

bool Entry::leave() {
  finished_ = true;
  return watched_ != nullptr && watched_->leave(state_->main_, outer_);
}

Outcome Entry::finish(Error error) {
  State& state = *state_;
  if (leave()) {
    // Whatever the script made of it.
    if (!error)
      error.message = base::concat(state.script_.config().name, ": its CPU time of ",
                                   state.script_.config().cpu_time.count(), " ms is used up");
    error.kind = ErrorKind::kBudget;
  } else if (error.kind == ErrorKind::kError && state.memory_.refusals() != refusals_) {
    error.kind = ErrorKind::kMemory;
  }
  std::chrono::nanoseconds time{0};
  if (measured_) time = (state.host_.dispatcher->preciseNow() - begin_) * kSample;
  state.settle(error, time, state.memory_.refusals() - refusals_);
  if (!error) return {};
  return {Progress::kFailed, std::move(error)};
}

}  // namespace weir::lua
