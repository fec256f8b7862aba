#pragma once

#include <cstdint>

#include "source/base/local_ref.h"
#include "source/event/dispatcher.h"
#include "source/lua/error.h"
#include "source/lua/state.h"
#include "source/lua/watchdog.h"

struct lua_State;

namespace weir::lua {

// One entry into a State, on the stack of whoever calls Lua: keeps the state alive, shows it to the
// watchdog, measures, and counts what came of it. Entries nest. Worker-confined.
class Entry {
 public:
  // `thread`: of a coroutine, which may yield; else null.
  Entry(State& state, Scope* scope, lua_State* thread);
  ~Entry();
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  // One of these, once, right after the call; an entry without is not counted.
  Outcome succeeded();
  // Takes the error off `thread`.
  Outcome failed(int status, lua_State* thread);

 private:
  Outcome finish(Error error);
  // Whether the watchdog has ended it.
  bool leave();

  const base::LocalRef<State> state_;
  Scope* const outer_scope_;
  lua_State* const outer_thread_;
  WatchedThread* const watched_;
  WatchedThread::Outer outer_{};
  const uint32_t refusals_;
  bool finished_ = false;
  bool measured_ = false;
  event::MonotonicTime begin_{};
};

}  // namespace weir::lua
