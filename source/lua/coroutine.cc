#include "source/lua/coroutine.h"

#include <luajit-2.1/lua.hpp>

#include "source/lua/coroutine_slot.h"
#include "source/lua/entry.h"
#include "source/lua/state.h"

namespace weir::lua {

Coroutine::Coroutine(base::LocalRef<State> state, CoroutineSlot& slot)
    : state_(std::move(state)), slot_(&slot) {}

Coroutine::Coroutine(Coroutine&& other) noexcept
    : state_(std::move(other.state_)), slot_(std::exchange(other.slot_, nullptr)) {}

Coroutine& Coroutine::operator=(Coroutine&& other) noexcept {
  if (this == &other) return *this;
  reset();
  state_ = std::move(other.state_);
  slot_ = std::exchange(other.slot_, nullptr);
  return *this;
}

void Coroutine::reset() {
  if (slot_ == nullptr) return;
  CoroutineSlot& slot = *std::exchange(slot_, nullptr);
  const base::LocalRef<State> state = std::move(state_);
  slot.scope.end();
  if (slot.running) {
    slot.released = true;  // go() gives it back
  } else {
    state->release(slot);
  }
}

bool Coroutine::yielded() const {
  return slot_ != nullptr && slot_->yielded;
}

Scope& Coroutine::scope() const {
  return slot_->scope;
}

lua_State* Coroutine::thread() const {
  return slot_->thread;
}

Outcome Coroutine::start(Function function, Push push) {
  if (slot_->thread == nullptr) return state_->refuse("no memory for a coroutine");
  lua_State* const thread = slot_->thread;
  lua_settop(thread, 0);
  lua_rawgeti(thread, LUA_REGISTRYINDEX, state_->run_.reference);
  lua_rawgeti(thread, LUA_REGISTRYINDEX, function.reference);
  Entry entry(*state_, &slot_->scope, thread);
  state_->pending_push_ = &push;
  return go(entry, 1);
}

Outcome Coroutine::resume(Push push) {
  lua_State* const thread = slot_->thread;
  Entry entry(*state_, &slot_->scope, thread);
  lua_settop(thread, 0);
  const int status = state_->protect(thread, push);
  if (status != 0) {
    Outcome outcome = entry.failed(status, thread);
    slot_->broken = true;
    slot_->yielded = false;
    return outcome;
  }
  return go(entry, lua_gettop(thread));
}

// `this` may be gone afterwards; the slot is not, as long as the entry keeps the state.
Outcome Coroutine::go(Entry& entry, int arguments) {
  CoroutineSlot& slot = *slot_;
  State& state = *state_;
  slot.running = true;
  slot.yielded = false;
  state.may_yield_ = false;
  const int status = lua_resume(slot.thread, arguments);
  slot.running = false;
  if (status == 0 || (status == LUA_YIELD && state.may_yield_)) {
    slot.yielded = status == LUA_YIELD;
    Outcome outcome = entry.succeeded();
    if (slot.yielded) outcome.progress = Progress::kYielded;
    if (!slot.released) return outcome;
  } else {
    slot.broken = true;
    Outcome outcome = entry.failed(status, slot.thread);
    if (!slot.released) return outcome;
  }
  state.release(slot);
  return {Progress::kAbandoned, {}};
}

}  // namespace weir::lua
